// Decides by measurement whether work of one size is faster on one thread or on several. Threads that
// exchange small matrices can be slower than one, and so can threads that wait for processors that other
// programs use.

/**
 * Calls of a block of a trial. The first calls of a block are not measured, because the numbers still lie in
 * the caches of the processors that worked before.
 */
const [BLOCK, UNMEASURED] = [6, 2];
/** Blocks of a trial: one thread and several in turn. */
const BLOCKS = 4;
/** Calls from one trial to the next. Each trial that several threads lose doubles them, up to the second. */
const [CALLS, MOST_CALLS] = [800, 25_600];
/** Several threads must take at most this share of the time of one, because they occupy more processors. */
const BENEFIT = 0.97;
/** A trial ends after two blocks if several threads take more than this share of the time of one. */
const HOPELESS = 1.5;

/** The trials of work of one size. */
export class Trial {
  /** Times of the present trial, per unit of work: of one thread, and of several. */
  readonly #times: readonly [alone: number[], several: number[]] = [[], []];
  #isFaster = false;
  /** Number of calls since the present trial began. */
  #calls = 0;
  /** Number of blocks of the present trial. */
  #blocks = BLOCKS;
  #interval = CALLS;

  /** Whether several threads should do the next piece of work. */
  get next(): boolean {
    const block = Math.floor(this.#calls / BLOCK);
    return block < this.#blocks ? block % 2 === 1 : this.#isFaster;
  }

  /**
   * Takes the time of the piece of work that `next` was asked for.
   *
   * @param time The time that it took, per unit of work.
   */
  add(time: number): void {
    const block = Math.floor(this.#calls / BLOCK);
    if (block < this.#blocks && this.#calls % BLOCK >= UNMEASURED) this.#times[block % 2].push(time);
    this.#calls++;
    if (this.#calls === 2 * BLOCK && this.#share > HOPELESS) this.#blocks = 2;
    if (this.#calls === this.#blocks * BLOCK) this.#decide();
    else if (this.#calls === this.#interval) {
      this.#calls = 0;
      this.#blocks = BLOCKS;
    }
  }

  /** The time of several threads as a share of that of one. */
  get #share(): number {
    const [alone, several] = this.#times;
    return medianOf(several) / medianOf(alone);
  }

  #decide(): void {
    this.#isFaster = this.#share < BENEFIT;
    this.#interval = this.#isFaster ? CALLS : Math.min(2 * this.#interval, MOST_CALLS);
    for (const times of this.#times) times.length = 0;
  }
}

function medianOf(times: number[]): number {
  return times.sort((a, b) => a - b)[times.length >> 1];
}
