// What the service counts, as text in the format of Prometheus. The package prom-client can do more; this is
// all that the service needs.

import { monitorEventLoopDelay } from "node:perf_hooks";

/** Upper limits of the classes of the latency histogram, in seconds. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** The plain counters: help text, and the values of the label `result` of those that have it. */
const COUNTERS = {
  neural_fm_model_loads_total: ["Model files that were loaded.", ["ok", "failed"]],
  neural_fm_trainings_total: ["Trainings that ended.", ["accepted", "rejected", "skipped", "failed"]],
  neural_fm_rollbacks_total: ["New models that were rejected because the metric fell.", [null]],
  neural_fm_events_total: ["Events that were accepted.", [null]],
};

/** Counters, a histogram per route, and gauges that are read when somebody asks. */
export class Metrics {
  #counters = new Map(
    Object.entries(COUNTERS).map(([name, [, results]]) => [name, new Map(results.map((one) => [one, 0]))]),
  );
  #requests = new Map();
  #latency = new Map();
  #gauges = [];
  #delay = monitorEventLoopDelay({ resolution: 10 });

  constructor() {
    this.#delay.enable();
  }

  /** Adds to a counter. `result` is the label of counters that have one. */
  count(name, result = null, by = 1) {
    const values = this.#counters.get(name);
    values.set(result, values.get(result) + by);
  }

  /** Adds a request that was answered. `route` is the pattern of a route, never the URL of a stranger. */
  request(route, method, status, seconds) {
    const labels = `{route="${route}",method="${method}",status="${status}"}`;
    this.#requests.set(labels, (this.#requests.get(labels) ?? 0) + 1);
    let own = this.#latency.get(route);
    if (own === undefined) {
      own = { counts: new Float64Array(BUCKETS.length), sum: 0, count: 0 };
      this.#latency.set(route, own);
    }
    own.sum += seconds;
    own.count++;
    for (let i = BUCKETS.length - 1; i >= 0 && seconds <= BUCKETS[i]; i--) own.counts[i]++;
  }

  /** Adds a gauge. `read` returns its value, or null while there is none. */
  gauge(name, help, read) {
    this.#gauges.push({ name, help, read });
  }

  /** Writes everything. The event-loop delay is that of the time since the last call. */
  text() {
    const lines = [];
    const head = (name, help, type) => lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const [name, values] of this.#counters) {
      head(name, COUNTERS[name][0], "counter");
      for (const [result, value] of values)
        lines.push(result === null ? `${name} ${value}` : `${name}{result="${result}"} ${value}`);
    }
    head("http_requests_total", "Requests that were answered.", "counter");
    for (const [labels, value] of this.#requests) lines.push(`http_requests_total${labels} ${value}`);
    const latency = "http_request_duration_seconds";
    head(latency, "Time from the headers of a request to the end of its answer.", "histogram");
    for (const [route, { counts, sum, count }] of this.#latency) {
      BUCKETS.forEach((limit, i) => {
        lines.push(`${latency}_bucket{route="${route}",le="${limit}"} ${counts[i]}`);
      });
      lines.push(`${latency}_bucket{route="${route}",le="+Inf"} ${count}`);
      lines.push(`${latency}_sum{route="${route}"} ${sum}`, `${latency}_count{route="${route}"} ${count}`);
    }
    const delay = "nodejs_eventloop_delay_seconds";
    head(delay, "Time between turns of the event loop, about 0.01 when it is idle.", "gauge");
    for (const quantile of [50, 99, 100])
      lines.push(`${delay}{quantile="${quantile / 100}"} ${this.#delay.percentile(quantile) / 1e9}`);
    this.#delay.reset();
    for (const { name, help, read } of this.#gauges) {
      const value = read();
      if (value === null) continue;
      head(name, help, "gauge");
      lines.push(`${name} ${value}`);
    }
    return `${lines.join("\n")}\n`;
  }
}
