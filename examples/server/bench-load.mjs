// The load of the bench, in a process of its own. It takes its settings as JSON and prints the result as
// JSON. Only the event `response` of autocannon has latencies finer than a millisecond, so this program
// collects them itself.

import autocannon from "autocannon";

const { url, bodies, connections, seconds, rate } = JSON.parse(process.argv[2]);
const latencies = [];
const instance = autocannon({
  url,
  connections,
  duration: seconds,
  ...(rate === null ? {} : { overallRate: rate }),
  requests: bodies.map((body) => ({
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  })),
});
instance.on("response", (_client, _status, _bytes, milliseconds) => latencies.push(milliseconds));
const { requests, duration, errors, timeouts, non2xx } = await instance;
latencies.sort((a, b) => a - b);
const quantile = (q) => latencies[Math.min(latencies.length - 1, Math.floor(q * latencies.length))];
console.log(
  JSON.stringify({
    rate: requests.total / duration,
    p50: quantile(0.5),
    p99: quantile(0.99),
    p999: quantile(0.999),
    lost: errors + timeouts + non2xx,
  }),
);
