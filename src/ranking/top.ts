// The best of many scores, without sorting them all.

/**
 * The positions of the `top` highest scores, best first; equal scores in the order of their positions. A
 * bounded heap holds the best so far, its root the one that goes next: n scores cost n comparisons, and
 * log(top) for each that enters.
 *
 * @param scores (n).
 * @param top How many at most, at least 1.
 * @param excluded Positions to leave out; looked up only when they would enter.
 */
export function selectTop(
  scores: Float32Array,
  top: number,
  excluded: ReadonlySet<number> | null = null,
): Uint32Array {
  const heap = new Uint32Array(Math.min(top, scores.length));
  let size = 0;
  /** Whether position a goes before b: the lower score, or the later one of two equals. NaN goes first. */
  const goesFirst = (a: number, b: number): boolean => {
    const x = scores[a];
    const y = scores[b];
    return x < y || (!(x > y) && (Number.isNaN(x) === Number.isNaN(y) ? a > b : Number.isNaN(x)));
  };
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
