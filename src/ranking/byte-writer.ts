// Texts, numbers and lists of items as bytes. A number takes 1 to 5 bytes of 7 bits each, the lowest bits
// first (LEB128). A text is UTF-8 followed by the byte 255, which never occurs in UTF-8. Half of a surrogate pair,
// which JavaScript allows, becomes three bytes (WTF-8), so every string has bytes of its own.

/** The byte behind a text. */
export const END_OF_TEXT = 255;

/** Writes the bytes of one record. The method `reserve` makes the room on which the others rely. */
export class ByteWriter {
  /** What was written, and unused bytes behind it. */
  bytes: Uint8Array = new Uint8Array(256);
  /** Bytes written so far. Setting it to 0 starts over. */
  length = 0;

  /** Makes room for `size` bytes more. */
  reserve(size: number): void {
    if (this.length + size <= this.bytes.length) return;
    const grown = new Uint8Array(2 * (this.length + size));
    grown.set(this.bytes);
    this.wipe();
    this.bytes = grown;
  }

  /** Overwrites all bytes with 0. */
  wipe(): void {
    this.bytes.fill(0);
  }

  /** Writes an integer from 0 to 2^32 - 1: at most 5 bytes. */
  number(value: number): void {
    while (value > 127) {
      this.bytes[this.length++] = (value & 127) | 128;
      value >>>= 7;
    }
    this.bytes[this.length++] = value;
  }

  /** Writes any string. It makes room itself. */
  text(text: string): void {
    this.reserve(3 * text.length + 1);
    const { bytes } = this;
    let { length } = this;
    for (let i = 0; i < text.length; i++) {
      const code = text.codePointAt(i)!;
      if (code < 0x80) {
        bytes[length++] = code;
        continue;
      }
      if (code > 0xffff) i++; // a pair of surrogates
      let shift = code < 0x800 ? 6 : code < 0x10000 ? 12 : 18;
      bytes[length++] = (0xff80 >>> (shift / 6)) | (code >>> shift); // the array keeps the lowest 8 bits
      while (shift > 0) bytes[length++] = 0x80 | ((code >>> (shift -= 6)) & 63);
    }
    bytes[length++] = END_OF_TEXT;
    this.length = length;
  }

  /**
   * Writes integers from 0 to 2^31 - 1, behind which the record must end. An empty list has no bytes.
   * Otherwise one byte holds the number of bits of each item: what the largest one needs, and at least 8, so
   * that the bytes tell the number of items. The bits follow, the lowest first. It makes room itself.
   */
  items(items: ArrayLike<number>): void {
    let all = 128; // as many bits as it needs, each item gets
    for (let i = 0; i < items.length; i++) all |= items[i];
    const width = 32 - Math.clz32(all);
    this.reserve(2 + Math.ceil((items.length * width) / 8));
    const { bytes } = this;
    let { length } = this;
    if (items.length > 0) bytes[length++] = width;
    let rest = 0;
    let bits = 0;
    for (let i = 0; i < items.length; i++) {
      rest |= items[i] << bits;
      let left = items[i] >>> (8 - bits);
      for (bits += width; bits >= 8; bits -= 8) {
        bytes[length++] = rest;
        rest = left & 255;
        left >>>= 8;
      }
    }
    if (bits > 0) bytes[length++] = rest;
    this.length = length;
  }
}
