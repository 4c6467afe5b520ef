// Long work as generators that yield wherever they may pause. Synchronous callers run them to the end;
// asynchronous ones give way to the event loop whenever a slice of time is used up, so that a page or server
// stays responsive.

/** How long to work before giving way, in milliseconds; half of a frame. */
const SLICE = 8;

const { setImmediate } = globalThis as { setImmediate?: (task: () => void) => void };

/** Resolves after the event loop has had a turn; without the 4 ms that browsers add to nested timers. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (setImmediate) return setImmediate(resolve);
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/** Gives way to the event loop once a slice of time is used up. */
export class Pacer {
  #sliceStart = performance.now();
  readonly #signal: AbortSignal | undefined;

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /** True when it is time to `rest`. */
  get due(): boolean {
    return performance.now() - this.#sliceStart > SLICE;
  }

  /**
   * Gives way; the next slice starts when this resolves. Rejects with the signal's reason once that is
   * aborted.
   */
  async rest(): Promise<void> {
    await nextTurn();
    this.#signal?.throwIfAborted();
    this.#sliceStart = performance.now();
  }
}

/** Runs `work` to the end, giving way where it yields and the slice is used up. */
export async function runPaced<T>(work: Generator<void, T>, pacer: Pacer): Promise<T> {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
    if (pacer.due) await pacer.rest();
  }
}

/** Runs `work` to the end at once. */
export function runAtOnce<T>(work: Generator<void, T>): T {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}
