// Decides by measurement whether work of one size is faster on one thread or on several. Threads that exchange
// small matrices can be slower than one, and so can threads that wait for processors that other programs use.

/**
 * Calls of a block of a trial. The first calls of a block are not measured, because the numbers still lie in
 * the caches of the processors that worked before.
 */
const [BLOCK, UNMEASURED] = [6, 2];
/** Blocks of a trial: one thread and several in turn. */
const BLOCKS = 4;
/** Calls from one trial to the next. */
const CALLS = 800;
/** Several threads must take at most this share of the time of one, because they occupy more processors. */
const BENEFIT = 0.97;

/** The trials of work of one size. */
export class Trial {
  /** Times of the present trial, per unit of work: of one thread, and of several. */
  readonly #times: readonly [alone: number[], several: number[]] = [[], []];
  #isFaster = false;
  /** Number of calls since the present trial began. */
  #calls = 0;

  /** Whether several threads should do the next piece of work. */
  get next(): boolean {
    const block = Math.floor(this.#calls / BLOCK);
    return block < BLOCKS ? block % 2 === 1 : this.#isFaster;
  }

  /**
   * Takes the time of the piece of work that `next` was asked for.
   *
   * @param time The time that it took, per unit of work.
   */
  add(time: number): void {
    const block = Math.floor(this.#calls / BLOCK);
    if (block < BLOCKS && this.#calls % BLOCK >= UNMEASURED) this.#times[block % 2].push(time);
    this.#calls++;
    if (this.#calls === BLOCK * BLOCKS) {
      const [alone, several] = this.#times;
      this.#isFaster = medianOf(several) < BENEFIT * medianOf(alone);
      alone.length = several.length = 0;
    } else if (this.#calls === CALLS) this.#calls = 0;
  }
}

function medianOf(times: number[]): number {
  return times.sort((a, b) => a - b)[times.length >> 1];
}
