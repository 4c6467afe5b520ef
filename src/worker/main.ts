// The first lines of the training thread, in Node and in browsers. tsup bundles this file into one text.

import type { ToWorker } from "./messages.ts";
import { TrainingThread } from "./program.ts";

/** The end of the channel on this thread: the port of Node's worker, or the scope of a worker in a browser. */
interface Port {
  postMessage(message: unknown, transfer: readonly ArrayBuffer[]): void;
  on?(type: "message", listener: (message: ToWorker) => void): void;
  onmessage?: ((event: { data: ToWorker }) => void) | null;
}

const { process } = globalThis as { process?: { getBuiltinModule?(name: string): unknown } };
const node = process?.getBuiltinModule?.("node:worker_threads") as { parentPort: Port } | undefined;
const port = node?.parentPort ?? (globalThis as unknown as Port);
const thread = new TrainingThread({
  post: (message, transfer = []) => port.postMessage(message, transfer),
});
if (node) port.on!("message", (message) => thread.receive(message));
else port.onmessage = ({ data }) => thread.receive(data);
