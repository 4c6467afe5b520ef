// Sends rows, labels and other lists to the training thread, piece by piece, so that the calling thread gives
// way to its event loop. Typed arrays are handed over or copied. Those on shared memory are shared.

import type { CheckedRows } from "../data/checked-rows.ts";
import { Columns, type NumberArray } from "../data/columns.ts";
import type { SentList, SentRows, ToWorker } from "./messages.ts";

/** Number of elements of a piece: of objects, such as rows, and of plain values. */
const [OBJECTS, VALUES] = [256, 4096];
/** Bytes of a piece of a typed array that is copied. */
const BYTES = 2 ** 21;

/** Where pieces go. */
export type Post = (message: ToWorker, transfer: readonly ArrayBuffer[]) => void;

/** Sends lists. What must go along with the message that names the lists is collected in `transfer`. */
export class Sender {
  /** Buffers to hand over with the message that has the typed arrays. */
  readonly transfer: Set<ArrayBuffer> = new Set();
  readonly #post: Post;
  readonly #handsOver: boolean;
  readonly #nextList: () => number;

  /**
   * Sends nothing yet.
   *
   * @param post Posts a message.
   * @param handsOver Whether typed arrays are handed over. Else they are copied.
   * @param nextList Returns the number of the next list. No two lists of a session have the same one.
   */
  constructor(post: Post, handsOver: boolean, nextList: () => number) {
    this.#post = post;
    this.#handsOver = handsOver;
    this.#nextList = nextList;
  }

  /**
   * Sends a message that names lists, and hands their buffers over.
   *
   * @param message The message.
   */
  post(message: ToWorker): void {
    this.#post(message, [...this.transfer]);
    this.transfer.clear();
  }

  /**
   * Sends rows. Yields now and then.
   *
   * @param x The rows.
   * @param place What errors call them.
   * @returns What the training thread finds them by.
   * @throws TypeError that names an element that cannot be sent.
   */
  *rows(x: CheckedRows, place: string): Generator<void, SentRows> {
    if (Array.isArray(x)) return yield* this.list(x, place);
    if (x instanceof Columns) {
      const columns: SentList[] = [];
      const data = yield* x.decode();
      for (const [c, column] of data.entries())
        columns.push(yield* this.list(column, `${place}.${x.names[c]}`));
      return { names: x.names, columns };
    }
    const { cols, indptr, indices, values } = x as Exclude<CheckedRows, readonly unknown[] | Columns>;
    return {
      cols,
      indptr: yield* this.list(indptr, place),
      indices: yield* this.list(indices, place),
      values: values === null ? null : yield* this.list(values, place),
    };
  }

  /**
   * Sends a list. Yields now and then.
   *
   * @param values An array, a typed array, or what can be iterated.
   * @param place What errors call it.
   * @returns What the training thread finds it by.
   * @throws TypeError that names an element that cannot be sent.
   */
  *list(values: ArrayLike<unknown> | Iterable<unknown>, place: string): Generator<void, SentList> {
    if (ArrayBuffer.isView(values) && !(values instanceof DataView))
      return { value: yield* this.#numbers(values as NumberArray) };
    if (typeof values !== "object" || values === null || values instanceof Set) return { value: values };
    const array = Array.isArray(values) ? (values as unknown[]) : Array.from(values);
    const list = this.#nextList();
    const step = typeof array[0] === "object" ? OBJECTS : VALUES;
    for (let start = 0; start < array.length || start === 0; start += step) {
      const piece = array.slice(start, start + step);
      try {
        this.#post({ type: "part", list, values: piece }, []);
      } catch (error) {
        throw notSent(piece, start, place, error);
      }
      yield;
    }
    return { list };
  }

  /** Prepares a typed array for the message that holds it. */
  *#numbers(values: NumberArray): Generator<void, NumberArray> {
    const { buffer } = values;
    if (!(buffer instanceof ArrayBuffer)) return values; // shared memory
    const isWhole = values.byteLength === buffer.byteLength;
    if (this.#handsOver && isWhole) {
      this.transfer.add(buffer);
      return values;
    }
    const copy = new (values.constructor as new (length: number) => Uint8Array<ArrayBuffer>)(values.length);
    const step = BYTES / copy.BYTES_PER_ELEMENT;
    for (let start = 0; start < values.length; start += step) {
      copy.set((values as Uint8Array).subarray(start, start + step), start);
      yield;
    }
    this.transfer.add(copy.buffer);
    return copy;
  }
}

/** Says which element of a piece cannot be sent. */
function notSent(piece: readonly unknown[], start: number, place: string, error: unknown): unknown {
  const bad = piece.findIndex((value) => !canBeSent(value));
  if (bad < 0) return error;
  const reason = (error as Error).message;
  return new TypeError(`${place}[${start + bad}] cannot be sent to another thread (${reason})`);
}

function canBeSent(value: unknown): boolean {
  try {
    structuredClone(value);
    return true;
  } catch {
    return false;
  }
}
