// Runs long work, which is written as generators that yield where they may pause. Synchronous callers run a
// generator to its end. Asynchronous callers give way to the event loop after each slice of time, so that a
// page or a server stays responsive.

/** Time to work before giving way, in milliseconds: half of a frame at 60 frames per second. */
const SLICE = 8;

const { setImmediate } = globalThis as { setImmediate?: (task: () => void) => void };

/** Resolves after one turn of the event loop. Unlike nested timers in browsers, it does not wait 4 ms. */
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

/** Measures slices of time and gives way to the event loop between them. */
export class Pacer {
  #sliceStart = performance.now();
  readonly #signal: AbortSignal | undefined;
  readonly #slice: number;

  /**
   * Starts the first slice.
   *
   * @param signal Aborts the work; undefined: nothing can abort it.
   * @param slice Time to work before giving way, in milliseconds. Default: 8.
   */
  constructor(signal?: AbortSignal, slice: number = SLICE) {
    this.#signal = signal;
    this.#slice = slice;
  }

  /** Whether the present slice is used up, so that `rest` should be called. */
  get due(): boolean {
    return performance.now() - this.#sliceStart > this.#slice;
  }

  /**
   * Gives way to the event loop. The next slice starts when the promise resolves.
   *
   * @throws The reason of the signal if it was aborted.
   */
  async rest(): Promise<void> {
    await nextTurn();
    this.#signal?.throwIfAborted();
    this.#sliceStart = performance.now();
  }

  /**
   * Waits for something that the event loop brings, such as the next piece of a stream.
   *
   * @param promise What to wait for.
   * @returns Its result.
   * @throws The reason of the signal as soon as it is aborted, or what the promise is rejected with.
   */
  async wait<T>(promise: Promise<T>): Promise<T> {
    const signal = this.#signal;
    if (signal === undefined) return promise;
    signal.throwIfAborted();
    let stop: (() => void) | null = null;
    const aborted = new Promise<never>((_, reject) => {
      stop = () => reject(signal.reason);
      signal.addEventListener("abort", stop);
    });
    try {
      return await Promise.race([promise, aborted]);
    } finally {
      signal.removeEventListener("abort", stop!);
    }
  }

  /** Gives way to the event loop as `rest` does, for work that must end even if the signal was aborted. */
  async restWithoutAbort(): Promise<void> {
    await nextTurn();
    this.#sliceStart = performance.now();
  }
}

/** Most milliseconds to wait for a source to close: one that is stuck closes only when it goes on. */
const CLOSING = 1000;

/**
 * Waits until a source has closed, but not for ever.
 *
 * @param closing Settles when it has closed. Errors are ignored: there is one already, or none matters.
 */
export async function closed(closing: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, CLOSING);
  });
  await Promise.race([Promise.allSettled([closing]), late]);
  clearTimeout(timer);
}

/**
 * Runs a generator to its end. It gives way to the event loop at those yields where a slice is used up.
 *
 * @param work The generator.
 * @param pacer Measures the slices.
 * @returns What the generator returns.
 * @throws What the generator throws, or the reason of the pacer's signal if it was aborted.
 */
export async function runPaced<T>(work: Generator<void, T>, pacer: Pacer): Promise<T> {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
    if (pacer.due) await pacer.rest();
  }
}

/**
 * Runs a generator to its end as `runPaced` does, even if the pacer's signal is aborted.
 *
 * @param work The generator.
 * @param pacer Measures the slices.
 * @returns What the generator returns.
 * @throws What the generator throws.
 */
export async function runWhole<T>(work: Generator<void, T>, pacer: Pacer): Promise<T> {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
    if (pacer.due) await pacer.restWithoutAbort();
  }
}

/**
 * Runs a generator to its end without giving way.
 *
 * @param work The generator.
 * @returns What the generator returns.
 * @throws What the generator throws.
 */
export function runAtOnce<T>(work: Generator<void, T>): T {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}
