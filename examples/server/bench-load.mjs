// The load of the bench, in a process of its own. It takes its settings as JSON and prints the result as
// JSON. autocannon sends as fast as the connections allow. Its option for a rate sends all requests of a
// second at its beginning, so requests at a fixed rate are sent here, one by one at equal distances.

import { once } from "node:events";
import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import autocannon from "autocannon";

const { url, bodies, connections, seconds, rate } = JSON.parse(process.argv[2]);
const headers = { "content-type": "application/json" };
const texts = bodies.map((body) => JSON.stringify(body));
const { sent, duration, lost, latencies } = rate === null ? await closedLoop() : await fixedRate();
latencies.sort((a, b) => a - b);
const quantile = (q) => latencies[Math.min(latencies.length - 1, Math.floor(q * latencies.length))];
console.log(
  JSON.stringify({
    rate: sent / duration,
    p50: quantile(0.5),
    p99: quantile(0.99),
    p999: quantile(0.999),
    lost,
  }),
);

/** Each connection sends the next request when it has the answer. */
async function closedLoop() {
  const latencies = [];
  const requests = texts.map((body) => ({ method: "POST", headers, body }));
  const instance = autocannon({ url, connections, duration: seconds, requests });
  // The result of autocannon has whole milliseconds, and this event has finer ones.
  instance.on("response", (_client, _status, _bytes, milliseconds) => latencies.push(milliseconds));
  const result = await instance;
  const lost = result.errors + result.timeouts + result.non2xx;
  return { sent: result.requests.total, duration: result.duration, lost, latencies };
}

/** A request is sent when it is due, however long the answers take. Then there are more connections. */
async function fixedRate() {
  const latencies = [];
  const agent = new Agent({ keepAlive: true });
  let lost = 0;
  const send = async (body) => {
    const start = performance.now();
    try {
      const length = Buffer.byteLength(body);
      const one = request(url, { agent, method: "POST", headers: { ...headers, "content-length": length } });
      one.end(body);
      const [answer] = await once(one, "response");
      await once(answer.resume(), "end");
      if (answer.statusCode === 200) latencies.push(performance.now() - start);
      else lost++;
    } catch {
      lost++;
    }
  };
  const open = [];
  const start = performance.now();
  for (let n = 0; n < rate * seconds; n++) {
    const wait = start + (n * 1000) / rate - performance.now();
    if (wait > 0) await sleep(wait);
    open.push(send(texts[n % texts.length]));
  }
  const duration = (performance.now() - start) / 1000;
  await Promise.all(open);
  agent.destroy();
  return { sent: open.length, duration, lost, latencies };
}
