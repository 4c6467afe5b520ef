// Notices: what a method did by itself, or what looks like a mistake and is none for certain. A notice never
// changes a result.

import { checkBoolean, wrongType } from "./errors.ts";

/**
 * What a notice is about:
 * - "large-numbers": numbers that are not scaled are so large that training may fail.
 * - "scaled-labels": the labels were standardized for training.
 * - "numeric-text": texts of a field were read as numbers.
 * - "held-out": some rows were held out to decide when to stop.
 * - "best-at-first-check": training was best at its first check.
 * - "constant-labels": all labels are equal.
 * - "single-class": all labels are of one class.
 * - "unknown-field": a row has a field that training did not have.
 * - "unknown-row": nothing in a row is known from training.
 * - "vocabulary-full": levels got no column, because the option `maxFeatures` forbids more.
 * - "no-worker": no other thread can run here, so `fitInWorker` trains on the calling thread.
 */
export type NoticeKind =
  | "large-numbers"
  | "scaled-labels"
  | "numeric-text"
  | "held-out"
  | "best-at-first-check"
  | "constant-labels"
  | "single-class"
  | "unknown-field"
  | "unknown-row"
  | "vocabulary-full"
  | "no-worker";

/** One notice. */
export interface Notice {
  /** What it is about. */
  readonly kind: NoticeKind;
  /** The notice in words: what happened, where, and what to do if that is not wanted. */
  readonly message: string;
}

/** The options that say where notices go. */
export interface NoticeOptions {
  /**
   * Receives notices: what `fit` decided by itself, and what looks like a mistake. Each kind comes at most
   * once per `fit`, and in predictions at most once per model. Default: `console.warn` of the message.
   */
  onNotice?: ((notice: Notice) => void) | undefined;
  /** Whether there are notices. Default: true. */
  notices?: boolean | undefined;
}

/** Hands on each kind of notice once. */
export class Notices {
  readonly #listener: ((notice: Notice) => void) | null;
  readonly #told = new Set<NoticeKind>();

  /** @param listener Receives the notices; null: nobody does. */
  constructor(listener: ((notice: Notice) => void) | null) {
    this.#listener = listener;
  }

  /**
   * Hands on a notice, unless its kind has been told already.
   *
   * @param kind What it is about.
   * @param message The notice in words.
   */
  tell(kind: NoticeKind, message: string): void {
    if (this.#listener === null || this.#told.has(kind)) return;
    this.#told.add(kind);
    this.#listener({ kind, message });
  }

  /** Says whether a notice of this kind would be handed on, for messages that are costly to make. */
  wants(kind: NoticeKind): boolean {
    return this.#listener !== null && !this.#told.has(kind);
  }

  /** Forgets what has been told. A new `fit` begins with it. */
  renew(): void {
    this.#told.clear();
  }
}

/**
 * Checks the options that say where notices go.
 *
 * @param options The options as the user passed them.
 * @param place What errors start with.
 * @returns Where notices go.
 * @throws TypeError that names the option.
 */
export function readNotices({ onNotice, notices }: NoticeOptions, place: string): Notices {
  if (onNotice !== undefined && typeof onNotice !== "function") {
    throw wrongType(`${place}: onNotice`, "a function", onNotice);
  }
  if (notices !== undefined) checkBoolean(`${place}: notices`, notices);
  if (notices === false) return new Notices(null);
  return new Notices(onNotice ?? (({ message }) => console.warn(`neural-fm: ${message}`)));
}

/**
 * Writes an integer for a notice.
 *
 * @param count The integer, at least 0.
 * @returns The digits with commas between thousands.
 */
export function thousands(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}
