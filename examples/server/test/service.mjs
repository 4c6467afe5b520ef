// Starts the service for a test, in a process of its own, on a free port and with its own folder of data.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../server.mjs", import.meta.url));

/** Makes a folder of data. With `from`, it has the files of another one. */
export async function makeFolder(from = null) {
  const folder = await mkdtemp(join(tmpdir(), "neural-fm-server-"));
  if (from !== null) await cp(from, folder, { recursive: true });
  return folder;
}

export async function removeFolder(folder) {
  await rm(folder, { recursive: true, force: true });
}

/** The service. `port` is there once it listens. */
export class Service {
  output = "";

  constructor(folder, env = {}) {
    this.process = spawn(process.execPath, [PROGRAM], {
      env: { ...process.env, PORT: "0", DATA: folder, DRAIN: "300", TRAIN_NICE: "0", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.process.stdout, this.process.stderr])
      stream.setEncoding("utf8").on("data", (text) => {
        this.output += text;
      });
    this.exit = once(this.process, "exit").then(([code, signal]) => ({ code, signal }));
  }

  /** Waits until the service has a model. */
  async ready() {
    await this.until(async () => (await this.health()).status === "ready");
  }

  /** Waits until a condition holds. */
  async until(condition) {
    for (let i = 0; i < 1200; i++) {
      this.port ??= /listening at http:\/\/127\.0\.0\.1:(\d+)/.exec(this.output)?.[1];
      if (this.process.exitCode !== null) break;
      if (this.port !== undefined && (await condition())) return;
      await sleep(50);
    }
    throw new Error(`the condition did not come to hold: ${condition}\n${this.output}`);
  }

  /** Sends a request, and returns the status and the JSON or text of the answer. */
  async send(method, path, body, { agent = false, headers = {} } = {}) {
    const text = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body);
    const type = text === "" ? {} : { "content-type": "application/json" };
    const length = { "content-length": Buffer.byteLength(text) };
    const sent = request({
      ...{ port: this.port, host: "127.0.0.1", method, path, agent },
      headers: { ...type, ...length, ...headers },
    });
    sent.end(text);
    const [answer] = await once(sent, "response");
    let received = "";
    for await (const chunk of answer.setEncoding("utf8")) received += chunk;
    const isJson = /json/.test(answer.headers["content-type"]);
    const content = isJson ? JSON.parse(received) : received;
    return { status: answer.statusCode, content, headers: answer.headers };
  }

  post(path, body, options) {
    return this.send("POST", path, body, options);
  }

  async health() {
    return (await this.send("GET", "/health")).content;
  }

  /** Reads a value of /metrics by its name with labels. */
  async metric(name) {
    const { content } = await this.send("GET", "/metrics");
    const line = content.split("\n").find((one) => one.startsWith(`${name} `));
    return Number(line?.slice(name.length));
  }

  /** Starts a training and waits for its end. Returns its result. */
  async train(mode) {
    const results = ["accepted", "rejected", "skipped", "failed"];
    const name = (result) => `neural_fm_trainings_total{result="${result}"}`;
    const count = () => Promise.all(results.map((result) => this.metric(name(result))));
    const before = await count();
    const { status } = await this.post(`/train?mode=${mode}`);
    if (status !== 202) throw new Error(`POST /train answered ${status}`);
    let after = before;
    await this.until(async () => {
      after = await count();
      return after.some((value, i) => value > before[i]);
    });
    return results.find((_, i) => after[i] > before[i]);
  }

  /**
   * Sends lists over connections that stay open, one request behind the other on each, until `stop` is called
   * or the service closes a connection in an answer. Every answer and every error is kept.
   */
  load(connections, bodyOf) {
    const answers = [];
    const errors = [];
    let isOver = false;
    const run = async (which) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      for (let n = 0; !isOver; n++) {
        try {
          const body = bodyOf(which, n);
          const { status, content, headers } = await this.post("/recommend", body, { agent });
          answers.push({ status, content, body });
          if (headers.connection === "close") break;
        } catch (error) {
          errors.push(error);
          break;
        }
      }
      agent.destroy();
    };
    const runs = Promise.all(Array.from({ length: connections }, (_, which) => run(which)));
    const stop = async () => {
      isOver = true;
      await runs;
    };
    return { answers, errors, runs, stop };
  }

  /** Asks the service to stop, and returns how it ended. */
  async stop() {
    this.process.kill("SIGTERM");
    return await this.exit;
  }
}
