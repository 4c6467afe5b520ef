// Starts worker threads in Node and in browsers, and says what the platform can do.

import { WORKER_SOURCE } from "./worker-source.ts";

/** A running worker. */
export interface WorkerHandle {
  /** Ends the thread. */
  end(): void;
}

/** The parts of Node that are needed here. */
interface NodeModules {
  getBuiltinModule?(name: string): unknown;
}

interface NodeWorker {
  unref(): void;
  on(event: "error" | "exit", listener: () => void): void;
  postMessage(message: unknown): void;
  terminate(): unknown;
}

const node = (globalThis as { process?: NodeModules }).process;

/** Node's module of this name; undefined outside Node, and before Node 20.16. */
function builtin<T>(name: string): T | undefined {
  return node?.getBuiltinModule?.(name) as T | undefined;
}

/**
 * Whether threads can share a WebAssembly memory here. In browsers the page must be cross-origin isolated.
 */
export function canShareMemory(): boolean {
  if (typeof SharedArrayBuffer === "undefined" || typeof WebAssembly === "undefined") return false;
  if (builtin("node:worker_threads") === undefined && typeof Worker === "undefined") return false;
  try {
    return (
      new WebAssembly.Memory({ initial: 0, maximum: 1, shared: true }).buffer instanceof SharedArrayBuffer
    );
  } catch {
    return false;
  }
}

/** Number of threads that can run at the same time, at least 1. */
export function countCores(): number {
  const os = builtin<{ availableParallelism(): number }>("node:os");
  return os?.availableParallelism() ?? globalThis.navigator?.hardwareConcurrency ?? 1;
}

/**
 * Starts a worker. It does not keep a process alive.
 *
 * @param message What the worker gets.
 * @param url Where the program of the worker is; undefined: it starts from text.
 * @param onEnd Called when the thread has ended, or cannot start.
 * @returns The worker.
 * @throws Error if a worker cannot be made here.
 */
export function startWorker(
  message: unknown,
  url: string | URL | undefined,
  onEnd: () => void,
): WorkerHandle {
  const threads = builtin<{
    Worker: new (source: string | URL, options: object) => NodeWorker;
  }>("node:worker_threads");
  if (threads !== undefined) {
    const worker = new threads.Worker(url ?? WORKER_SOURCE, { eval: url === undefined, execArgv: [] });
    worker.unref();
    worker.on("error", onEnd);
    worker.on("exit", onEnd);
    worker.postMessage(message);
    return { end: () => void worker.terminate() };
  }
  const blob = url ?? URL.createObjectURL(new Blob([WORKER_SOURCE], { type: "text/javascript" }));
  const worker = new Worker(blob);
  worker.onerror = onEnd;
  worker.postMessage(message);
  return {
    end: () => {
      worker.terminate();
      if (url === undefined) URL.revokeObjectURL(blob as string);
    },
  };
}
