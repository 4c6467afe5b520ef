// The first lines of the training thread, in Node and in browsers. tsup bundles this file into one text.

import { builtin } from "../kernels/threads/start-worker.ts";
import type { ToWorker } from "./messages.ts";
import { TrainingThread } from "./program.ts";

/** What this thread sends and receives by: the port of a worker in Node, or the scope of one in a browser. */
interface Port {
  postMessage(message: unknown, transfer: readonly ArrayBuffer[]): void;
  on?(type: "message", listener: (message: ToWorker) => void): void;
  onmessage?: ((event: { data: ToWorker }) => void) | null;
}

const node = builtin<{ parentPort: Port }>("node:worker_threads");
const port = node?.parentPort ?? (globalThis as unknown as Port);
const thread = new TrainingThread({
  post: (message, transfer = []) => port.postMessage(message, transfer),
});
if (node) port.on!("message", (message) => thread.receive(message));
else port.onmessage = ({ data }) => thread.receive(data);
