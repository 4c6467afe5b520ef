// The threads that compute for one WebAssembly memory. The calling thread writes a group of commands, split
// into one part per thread. Then all threads take parts, one after the other, until none is left. A thread
// that has not started yet, sleeps, or waits for a processor takes none, and nobody waits for it.
//
// All numbers of the group are in shared memory. A part is claimed by raising the ticket (`ticketOf`), which
// works only while the group is the present one.

import { startWorker, type WorkerHandle } from "./start-worker.ts";
import { COMMAND, CONTROL, SPIN, STOP } from "./worker-source.ts";

/** What threads run: kernels of instances of the same modules on the same memory. */
export interface Program {
  readonly memory: WebAssembly.Memory;
  /** The modules, in the order in which they are linked. */
  readonly modules: readonly WebAssembly.Module[];
  /** The functions of the calling thread, by name. */
  readonly functions: Readonly<Record<string, (...args: number[]) => void>>;
  /** Returns the address of a thread's workspace. */
  readonly scratchOf: (thread: number) => number;
}

/** Most commands of a group, in all its parts together. */
const MAX_COMMANDS = 1024;
/** Time after which a worker that has taken a part and does not finish it counts as dead, in milliseconds. */
const PATIENCE = 20_000;
/** Time for the first worker to start, in milliseconds. */
const START_TIME = 10_000;
/** A team of threads, of which the calling thread is one. */
export class Team {
  /** Number of threads. */
  readonly size: number;
  readonly #control = new Int32Array(new SharedArrayBuffer(CONTROL.length * 4));
  readonly #commands = new Float64Array(new SharedArrayBuffer((1 + MAX_COMMANDS) * COMMAND * 8));
  readonly #functions: readonly ((...args: number[]) => void)[];
  readonly #workers: WorkerHandle[] = [];
  /** Number of the group, 15 bits. */
  #group = 0;
  #count = 0;
  /** Why no more work can be done; null: all is well. */
  #failure: string | null = null;
  #isClosed = false;
  #cannotStart = false;
  readonly #madeAt = performance.now();
  readonly #canSleep: boolean;

  /**
   * Starts the workers.
   *
   * @param size Number of threads, the calling one included, at least 2.
   * @param program What they run.
   * @param workerUrl Where the program of a worker is; undefined: workers start from text.
   * @throws Error if no worker can be made here.
   */
  constructor(size: number, program: Program, workerUrl: string | URL | undefined) {
    this.size = size;
    const names = ["", ...Object.keys(program.functions)];
    this.#functions = names.map((name) => program.functions[name] ?? nothing);
    this.#canSleep = canSleep(this.#control);
    const { memory, modules } = program;
    const message = { memory, modules, names, control: this.#control, commands: this.#commands };
    for (let i = 1; i < size; i++) {
      const own = { ...message, scratch: program.scratchOf(i) };
      this.#workers.push(startWorker(own, workerUrl, () => this.#ended()));
    }
  }

  /** Number of workers that have started. */
  get started(): number {
    return Atomics.load(this.#control, CONTROL.started);
  }

  /** Waits until all workers have started. */
  awaitStart(): void {
    while (this.started < this.size - 1 && !this.cannotStart)
      Atomics.wait(this.#control, CONTROL.started, this.started, 10);
  }

  /** Whether a worker has died. */
  get hasFailed(): boolean {
    return this.#failure !== null;
  }

  /** Whether no worker can start here, or none has started in time. */
  get cannotStart(): boolean {
    return this.started === 0 && (this.#cannotStart || performance.now() - this.#madeAt > START_TIME);
  }

  /** Whether the group has no command yet. */
  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /**
   * Throws if a worker has died.
   *
   * @throws Error that says so.
   */
  check(): void {
    if (this.#failure !== null) throw new Error(this.#failure);
  }

  /** Whether the group has room for one more command. */
  get hasRoom(): boolean {
    return (this.#count + 1) * this.size <= MAX_COMMANDS;
  }

  /** Number of commands of each part so far. */
  get count(): number {
    return this.#count;
  }

  set count(count: number) {
    this.#count = count;
  }

  /**
   * Writes the next command of a part. When all parts have it, the caller raises `count`.
   *
   * @param part The part.
   * @param id Number of the function, from 1, in the order of the program's.
   * @param a The first argument, and so on.
   */
  write(
    part: number,
    id: number,
    a: number,
    b: number,
    c: number,
    d: number,
    e: number,
    f: number,
    g: number,
    h: number,
    i: number,
    j: number,
    k: number,
    l: number,
    m: number,
  ): void {
    const commands = this.#commands;
    const at = this.#addressOf(this.#count, part);
    commands[at] = id;
    commands[at + 1] = a;
    commands[at + 2] = b;
    commands[at + 3] = c;
    commands[at + 4] = d;
    commands[at + 5] = e;
    commands[at + 6] = f;
    commands[at + 7] = g;
    commands[at + 8] = h;
    commands[at + 9] = i;
    commands[at + 10] = j;
    commands[at + 11] = k;
    commands[at + 12] = l;
    commands[at + 13] = m;
  }

  /** Writes the next command of a part so that it does nothing. */
  writeNothing(part: number): void {
    this.#commands[this.#addressOf(this.#count, part)] = 0;
  }

  /**
   * Runs the group, together with the workers, and ends it.
   *
   * @throws Error if a worker does not finish its part.
   */
  run(): void {
    const control = this.#control;
    const parts = this.size;
    this.#commands[0] = this.#count;
    this.#count = 0;
    this.#group = (this.#group + 1) & 0x7fff;
    Atomics.store(control, CONTROL.done, 0);
    Atomics.store(control, CONTROL.ticket, ticketOf(this.#group, parts));
    if (Atomics.load(control, CONTROL.sleepers) > 0) Atomics.notify(control, CONTROL.ticket);
    let own = 0;
    for (;;) {
      const ticket = Atomics.load(control, CONTROL.ticket);
      const part = ticket & 255;
      if (part >= parts) break;
      if (Atomics.compareExchange(control, CONTROL.ticket, ticket, ticket + 1) !== ticket) continue;
      this.#runPart(part);
      own++;
    }
    if (own < parts) this.#await(parts - own);
  }

  /** Ends the workers. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    Atomics.store(this.#control, CONTROL.ticket, STOP);
    Atomics.notify(this.#control, CONTROL.ticket);
    for (const worker of this.#workers) worker.end();
  }

  /** Where a command of a part is. The first place holds the number of commands. */
  #addressOf(position: number, part: number): number {
    return (1 + position * this.size + part) * COMMAND;
  }

  #runPart(part: number): void {
    const commands = this.#commands;
    const count = commands[0];
    for (let i = 0; i < count; i++) {
      const at = this.#addressOf(i, part);
      call(this.#functions[commands[at]], commands, at);
    }
  }

  /** Waits until the workers have finished the parts that they took. */
  #await(parts: number): void {
    const control = this.#control;
    let since = 0;
    for (let looks = 1; Atomics.load(control, CONTROL.done) < parts; looks++) {
      if (looks % 256 !== 0) continue;
      since ||= performance.now();
      const waited = performance.now() - since;
      if (waited > PATIENCE) this.#fail("did not finish its work");
      if (waited < SPIN || !this.#canSleep) continue;
      Atomics.store(control, CONTROL.waiting, 1);
      const done = Atomics.load(control, CONTROL.done);
      if (done < parts) Atomics.wait(control, CONTROL.done, done, 100);
      Atomics.store(control, CONTROL.waiting, 0);
      looks = 255;
    }
  }

  #ended(): void {
    if (this.#isClosed) return;
    if (this.started === 0) this.#cannotStart = true;
    else this.#failure ??= failureOf("has ended");
  }

  #fail(what: string): never {
    this.#failure ??= failureOf(what);
    this.close();
    throw new Error(this.#failure);
  }
}

function failureOf(what: string): string {
  return `a worker thread ${what}; load the model again, or train it again, with threads: 1`;
}

/** The ticket of the first part of a group: 15 bits for the group, 8 for the parts, 8 for the next part. */
function ticketOf(group: number, parts: number): number {
  return (group << 16) | (parts << 8);
}

/** Whether this thread may sleep. The main thread of a browser may not. */
function canSleep(control: Int32Array<SharedArrayBuffer>): boolean {
  try {
    Atomics.wait(control, 0, 1, 0); // the value is 0, so this returns at once
    return true;
  } catch {
    return false;
  }
}

function nothing(): void {}

/** Calls a function with the arguments of a command. WebAssembly ignores those that it does not have. */
function call(run: (...args: number[]) => void, c: Float64Array, at: number): void {
  run(
    c[at + 1],
    c[at + 2],
    c[at + 3],
    c[at + 4],
    c[at + 5],
    c[at + 6],
    c[at + 7],
    c[at + 8],
    c[at + 9],
    c[at + 10],
    c[at + 11],
    c[at + 12],
    c[at + 13],
  );
}
