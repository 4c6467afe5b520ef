// Decides when the kernels of a memory run on several threads: which work is large enough, when the workers
// start, and when they end.

import type { Kernels } from "../kernels.ts";
import { Recorder } from "./recorder.ts";
import { type Program, Team } from "./team.ts";
import { Trial } from "./trial.ts";

/** How many threads to use, and how to start them. */
export interface ThreadSettings {
  /** Number of threads, at least 1. */
  readonly threads: number;
  /** Where the program of a worker is; undefined: workers start from text. */
  readonly workerUrl: string | URL | undefined;
  /** For tests: all workers take part in the smallest work, from the first on. Default: false. */
  readonly isEager?: boolean;
}

/** Multiplications and additions below which several threads are not even tried. */
const MIN_WORK = 300_000;
/** Work that one thread does before the workers start: about 30 ms, the time that a worker takes to start. */
const WORK_BEFORE_START = 300_000_000;

/** The memory, as its threads see it. They use it only during a call, so that it can be garbage-collected. */
export interface Host {
  /** What the threads of a team run. */
  readonly program: Program;
  /** Makes kernels that write their calls down. */
  split(recorder: Recorder): Partial<Kernels>;
}

/** A team, and the kernels that run on it. */
interface Running {
  readonly team: Team;
  readonly recorder: Recorder;
  readonly kernels: Partial<Kernels>;
}

/** The threads of one memory. */
export class Threads {
  readonly #options: ThreadSettings;
  #running: Running | null = null;
  #workBefore = 0;
  /** The trials by the logarithm of the work. */
  readonly #trials: Trial[] = [];
  /** Whether no worker can start here. */
  #isAlone = false;
  /** Whether calls of kernels are written down at present. */
  #isRecording = false;

  /**
   * Starts nothing yet.
   *
   * @param options At least two threads.
   */
  constructor(options: ThreadSettings) {
    this.#options = options;
  }

  /** Number of threads. It becomes 1 if no worker can start. */
  get count(): number {
    return this.#isAlone ? 1 : this.#options.threads;
  }

  /** The kernels of the team, inside `together`; null elsewhere. */
  get kernels(): Partial<Kernels> | null {
    return this.#isRecording ? this.#running!.kernels : null;
  }

  /**
   * Runs code whose kernel calls may be computed by several threads, if there is enough work.
   *
   * @param work Number of multiplications and additions.
   * @param run Calls kernels. It calls `settle` before it reads what they write.
   * @param host The memory.
   * @throws Error if a worker has died. What the kernels should have written is then undefined.
   */
  together(work: number, run: () => void, host: Host): void {
    const least = this.#options.isEager ? 1 : MIN_WORK;
    if (work < least || this.#isRecording || !this.#isReady(work, host)) {
      run();
      return;
    }
    const { team, recorder } = this.#running!;
    const trial = this.#trialOf(work);
    const isTogether = this.#options.isEager === true || trial.next;
    const start = performance.now();
    try {
      team.check();
      if (!isTogether) {
        run();
        return;
      }
      this.#isRecording = true;
      run();
      recorder.settle();
    } catch (error) {
      recorder.reset();
      if (team.hasFailed) this.close();
      throw error;
    } finally {
      this.#isRecording = false;
      trial.add((performance.now() - start) / work);
    }
  }

  /** Waits until all kernels called so far have run. */
  settle(): void {
    if (this.#isRecording) this.#running!.recorder.settle();
  }

  /** Ends the workers. The next long computation starts others. */
  close(): void {
    this.#running?.team.close();
    this.#running = null;
    this.#workBefore = 0;
  }

  /** The trial of work of about the same size. */
  #trialOf(work: number): Trial {
    const size = Math.round(Math.log2(work));
    return (this.#trials[size] ??= new Trial());
  }

  /** Whether the team can do the work. Starts it when enough work has come. */
  #isReady(work: number, { program, split }: Host): boolean {
    if (this.#isAlone) return false;
    if (this.#running !== null) {
      const { team } = this.#running;
      if (team.started > 0) return true;
      if (team.cannotStart) {
        this.close();
        this.#isAlone = true;
      }
      return false;
    }
    const { threads, workerUrl, isEager } = this.#options;
    this.#workBefore += work;
    if (this.#workBefore < WORK_BEFORE_START && !isEager) return false;
    try {
      const team = new Team(threads, program, workerUrl);
      const recorder = new Recorder(team, Object.keys(program.functions));
      this.#running = { team, recorder, kernels: split(recorder) };
      if (isEager) team.awaitStart();
    } catch {
      this.#isAlone = true;
    }
    return isEager === true && !this.#isAlone;
  }
}

/** Ends the workers of memories that were garbage-collected. */
const dropped = new FinalizationRegistry<Threads>((threads) => threads.close());

/**
 * Makes the threads of a memory. They end when the memory is garbage-collected.
 *
 * @param owner The memory. The threads must not refer to it.
 * @param options How many, and how they start.
 * @returns The threads.
 */
export function threadsOf(owner: object, options: ThreadSettings): Threads {
  const threads = new Threads(options);
  dropped.register(owner, threads);
  return threads;
}
