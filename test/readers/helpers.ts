// What the tests of the readers share: seeded random numbers, and sources that are cut into chunks.

/** A generator of integers from 0 to n - 1. */
export function generator(seed: number): (n: number) => number {
  let state = Math.imul(seed, 0x9e3779b1);
  return (n) => Math.floor(((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32) * n);
}

/**
 * The chunks of text or bytes. The buffer of a chunk of bytes is overwritten when the next one is asked for.
 */
export async function* chunksOf<T extends string | Uint8Array>(
  whole: T,
  size: () => number,
): AsyncGenerator<T, void, undefined> {
  for (let start = 0; start < whole.length; ) {
    const end = start + size();
    const chunk = whole.slice(start, end);
    yield chunk as T;
    if (typeof chunk !== "string") chunk.fill(0x22);
    start = end;
  }
}

/** The bytes of a text in UTF-8. */
export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** All items of an async iterable. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
