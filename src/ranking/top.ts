// Selects the highest of many scores without sorting them all, by a heap of bounded size (Williams 1964).

/**
 * Finds the positions of the highest scores, best first. Equal scores stay in the order of their positions.
 * NaN comes last. A heap holds the best positions so far, the worst of them at its root. So n scores cost n
 * comparisons, and each score that enters the heap costs log(top) more.
 *
 * @param scores Scores, (n).
 * @param top Largest number of positions to return, at least 1.
 * @param excluded Says which positions to leave out; null: none. It is asked only when one would enter the heap.
 *   Default: null.
 * @returns The positions, at most (top).
 */
export function selectTop(
  scores: Float32Array,
  top: number,
  excluded: { has(position: number): boolean } | null = null,
): Uint32Array {
  const heap = new Uint32Array(Math.min(top, scores.length));
  let size = 0;
  /**
   * Whether position a leaves the heap before b: the lower score, or the later of two equal ones. NaN first.
   */
  const goesFirst = (a: number, b: number): boolean => {
    const x = scores[a];
    const y = scores[b];
    return x < y || (!(x > y) && (Number.isNaN(x) === Number.isNaN(y) ? a > b : Number.isNaN(x)));
  };
  /** Moves the position at `at` down until no child leaves before it. */
  const sink = (at: number, length: number): void => {
    const moved = heap[at];
    for (let child = 2 * at + 1; child < length; child = 2 * at + 1) {
      if (child + 1 < length && goesFirst(heap[child + 1], heap[child])) child++;
      if (!goesFirst(heap[child], moved)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = moved;
  };
  const heapify = (): void => {
    for (let at = (size >> 1) - 1; at >= 0; at--) sink(at, size);
  };
  for (let i = 0; i < scores.length; i++) {
    if (size < heap.length) {
      if (!excluded?.has(i)) heap[size++] = i;
      if (size === heap.length) heapify();
    } else if (goesFirst(heap[0], i) && !excluded?.has(i)) {
      heap[0] = i;
      sink(0, size);
    }
  }
  if (size < heap.length) heapify();
  for (let end = size - 1; end > 0; end--) {
    const next = heap[0];
    heap[0] = heap[end];
    heap[end] = next;
    sink(0, end);
  }
  return heap.subarray(0, size);
}
