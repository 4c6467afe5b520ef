// The chunks of a stream, whatever kind of stream it is.

/**
 * Reads a web stream. Not every browser can iterate over one. Stopping early cancels the stream.
 *
 * @param stream The stream.
 * @returns Its chunks.
 */
export async function* chunksOf(stream: ReadableStream<unknown>): AsyncGenerator<unknown, void, undefined> {
  const reader = stream.getReader();
  let finished = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      finished = done;
      if (done) return;
      yield value;
    }
  } finally {
    if (!finished) await Promise.allSettled([reader.cancel()]);
  }
}
