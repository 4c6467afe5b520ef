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
  on(event: "message" | "error" | "exit", listener: (message: unknown) => void): void;
  postMessage(message: unknown, transfer: readonly ArrayBuffer[]): void;
  terminate(): unknown;
}

const node = (globalThis as { process?: NodeModules }).process;

/** Node's module of this name; undefined outside Node, and before Node 20.16. */
export function builtin<T>(name: string): T | undefined {
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

/** How a program runs on a thread of its own. */
export interface ProgramOptions {
  /** The program: a script that needs nothing but messages. */
  readonly source: string;
  /** Where the program is; undefined: it starts from `source`. */
  readonly url: string | URL | undefined;
  /** Whether the thread keeps the process alive. */
  readonly keepsAlive: boolean;
  /** Called with each message of the thread. */
  readonly onMessage: (message: unknown) => void;
  /** Called when the thread has ended, or cannot start. */
  readonly onEnd: () => void;
}

/** A running program. */
export interface ProgramHandle extends WorkerHandle {
  /** Sends a message, and hands buffers over. */
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
}

/** Whether programs can run on other threads here. */
export function hasWorkers(): boolean {
  return builtin("node:worker_threads") !== undefined || typeof Worker !== "undefined";
}

/**
 * Starts a program on a thread of its own.
 *
 * @param options The program, and who listens to it.
 * @returns The running program.
 * @throws Error if a worker cannot be made here.
 */
export function startProgram({ source, url, keepsAlive, onMessage, onEnd }: ProgramOptions): ProgramHandle {
  const threads = builtin<{
    Worker: new (source: string | URL, options: object) => NodeWorker;
  }>("node:worker_threads");
  if (threads !== undefined) {
    const worker = new threads.Worker(url ?? source, { eval: url === undefined, execArgv: [] });
    worker.on("message", onMessage);
    worker.on("error", onEnd);
    worker.on("exit", onEnd);
    if (!keepsAlive) worker.unref(); // at the end, because listening to messages keeps the process alive
    return {
      post: (message, transfer = []) => worker.postMessage(message, transfer),
      end: () => void worker.terminate(),
    };
  }
  const blob = url ?? URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(blob);
  worker.onmessage = ({ data }) => onMessage(data);
  worker.onerror = onEnd;
  return {
    post: (message, transfer = []) => worker.postMessage(message, [...transfer]),
    end: () => {
      worker.terminate();
      if (url === undefined) URL.revokeObjectURL(blob as string);
    },
  };
}

/**
 * Starts a worker of a team. It does not keep a process alive.
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
  const onMessage = (): void => {};
  const program = startProgram({ source: WORKER_SOURCE, url, keepsAlive: false, onMessage, onEnd });
  program.post(message);
  return program;
}
