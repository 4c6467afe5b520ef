// Collects the bytes of a source and hands them on up to the end of a line, so that the parsers never see
// half a character. It drops a byte order mark and refuses what is not UTF-8.

const LF = 10;
const CR = 13;

/** From this many unfinished bytes on, a parser is asked again only when they have doubled. */
const PATIENCE = 65536;

/** Bytes that can be read behind the last one. */
const MARGIN = 16;

/** Most bytes of one row. */
const LONGEST_ROW = 2 ** 26;

/** The bytes of whole lines, and the same as text. */
export interface Lines {
  /** Holds the bytes at `start` to `end - 1`. The last one ends a line. */
  readonly bytes: Uint8Array;
  /** A view of the same memory. A few bytes behind `end` can be read too. */
  readonly view: DataView;
  readonly start: number;
  readonly end: number;
  /** The bytes as text. */
  readonly text: string;
}

/** Collects bytes. */
export class ByteLines {
  readonly #place: string;
  /** Whether a carriage return alone ends a line. */
  readonly #loneCR: boolean;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #bytes: Uint8Array = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  #start = 0;
  #end = 0;
  /** Unfinished bytes that a parser left, and waits to double. */
  #left = 0;
  /** Whether a line may have ended since the last `take`. */
  #hasBreak = false;
  #began = false;

  /**
   * @param place What errors start with.
   * @param loneCR Whether a carriage return alone ends a line.
   */
  constructor(place: string, loneCR: boolean) {
    this.#place = place;
    this.#loneCR = loneCR;
  }

  /** Adds bytes, which are copied. */
  append(piece: Uint8Array): void {
    this.#makeRoom(piece.length);
    this.#hasBreak ||= piece.includes(LF);
    if (this.#loneCR) this.#hasBreak ||= piece.includes(CR) || this.#bytes[this.#end - 1] === CR;
    this.#bytes.set(piece, this.#end);
    this.#end += piece.length;
  }

  /**
   * Returns the bytes up to the end of the last line; null if they hold no whole line yet.
   *
   * @param ended Whether the source has ended. A last line without a line break then gets one.
   * @param line Number of the first line, from 1.
   */
  take(ended: boolean, line: number): Lines | null {
    if (!this.#began && !this.#begin(ended)) return null;
    const size = this.#end - this.#start;
    if (size === 0) return null;
    if (!ended && (!this.#hasBreak || (this.#left > PATIENCE && size < 2 * this.#left))) {
      this.#refuseLongRow(line);
      return null;
    }
    this.#hasBreak = false;
    let end = this.#end;
    if (ended) {
      this.#makeRoom(1);
      end = this.#end;
      if (this.#bytes[end - 1] !== LF) this.#bytes[end++] = LF;
      this.#end = end;
    } else end = this.#lastBreak();
    const start = this.#start;
    if (end <= start) return null;
    return { bytes: this.#bytes, view: this.#view, start, end, text: this.#decode(start, end, line) };
  }

  /**
   * Lets go of the bytes before `position`.
   *
   * @param position Where the next lines start.
   */
  release(position: number): void {
    this.#start = position;
    this.#left = this.#end - this.#start;
  }

  #refuseLongRow(line: number): void {
    if (this.#end - this.#start <= LONGEST_ROW) return;
    throw new RangeError(
      `${this.#place}: line ${line}: the row that starts here is longer than ${LONGEST_ROW} bytes; ` +
        "is a closing quote or a line break missing?",
    );
  }

  /** Looks at the first bytes. Returns false as long as there are too few. */
  #begin(ended: boolean): boolean {
    if (!ended && this.#end < 3) return false;
    const [first, second, third] = this.#bytes.subarray(0, this.#end);
    if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
      throw new RangeError(
        `${this.#place}: the text must be UTF-8, got UTF-16; save the file as UTF-8, or pass text: ` +
          'createReadStream(path, "utf16le") or stream.pipeThrough(new TextDecoderStream("utf-16le"))',
      );
    }
    if (first === 0x1f && second === 0x8b) {
      throw new RangeError(
        `${this.#place}: source must be text, got bytes compressed with gzip; pass ` +
          'stream.pipe(createGunzip()) or stream.pipeThrough(new DecompressionStream("gzip"))',
      );
    }
    if (first === 0xef && second === 0xbb && third === 0xbf) this.#start = 3;
    this.#began = true;
    return true;
  }

  /** The position behind the last line break. A CR at the end may belong to a CRLF, so it has to wait. */
  #lastBreak(): number {
    const start = this.#start + this.#bytes.subarray(this.#start, this.#end).lastIndexOf(LF) + 1;
    if (!this.#loneCR || this.#end - start < 2) return start;
    return start + this.#bytes.subarray(start, this.#end - 1).lastIndexOf(CR) + 1;
  }

  #makeRoom(more: number): void {
    if (this.#end + more + MARGIN <= this.#bytes.length) return;
    const filled = this.#bytes.subarray(this.#start, this.#end);
    const needed = filled.length + more + MARGIN;
    if (2 * needed > this.#bytes.length) {
      this.#bytes = new Uint8Array(3 * needed);
      this.#view = new DataView(this.#bytes.buffer);
    }
    this.#bytes.set(filled);
    this.#start = 0;
    this.#end = filled.length;
  }

  #decode(start: number, end: number, line: number): string {
    try {
      return this.#decoder.decode(this.#bytes.subarray(start, end));
    } catch {
      throw this.#notUTF8(start, end, line);
    }
  }

  /** Makes the error for bytes that are not UTF-8: it finds the first such line. */
  #notUTF8(start: number, end: number, firstLine: number): RangeError {
    let line = firstLine;
    let position = start;
    for (let p = start; p < end; p++) {
      const byte = this.#bytes[p];
      if (byte !== LF && !(this.#loneCR && byte === CR && this.#bytes[p + 1] !== LF)) continue;
      try {
        this.#decoder.decode(this.#bytes.subarray(position, p + 1));
      } catch {
        break;
      }
      line++;
      position = p + 1;
    }
    return new RangeError(
      `${this.#place}: line ${line}: the bytes are not UTF-8; save the file as UTF-8, or pass text: ` +
        'createReadStream(path, "latin1") or stream.pipeThrough(new TextDecoderStream("latin1"))',
    );
  }
}
