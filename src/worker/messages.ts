// What the calling thread and the training thread send each other. Everything here can be cloned.

import type { Notice } from "../core/notices.ts";
import type { History } from "../training/epochs.ts";
import type { BatchEvent, EpochEvent } from "../training/fit-options.ts";

/**
 * A list that has been sent before, by its number; or a value that is sent as it is. This is a typed array,
 * or something that is no list, which `fit` refuses.
 */
export type SentList = { readonly list: number } | { readonly value: unknown };

/** Rows that have been sent. */
export type SentRows =
  | SentList
  | { readonly names: readonly string[]; readonly columns: readonly SentList[] }
  | {
      readonly cols: number;
      readonly indptr: SentList;
      readonly indices: SentList;
      readonly values: SentList | null;
    };

/** Options of the model as JSON, see `describeModel`. */
export interface ModelDescription {
  /** The options that are plain values. */
  readonly plain: Readonly<Record<string, unknown>>;
  /** Name and options of an optimizer that was given as an object; null: none was. */
  readonly optimizer: Readonly<Record<string, unknown>> | null;
  /** Type and options of each layer; null: none were given. */
  readonly layers: readonly Readonly<Record<string, unknown>>[] | null;
  /** The encoder; null: none was given. */
  readonly encoder: { readonly fitted: boolean; readonly json: unknown } | null;
}

/** The options of `fit` without data. */
export interface FitDescription {
  /** Plain values. In place of data there are empty ones. */
  readonly plain: Readonly<Record<string, unknown>>;
  /** The callbacks that the user passed. */
  readonly callbacks: readonly ("onEpoch" | "onBatch")[];
  /** Whether the rows are a stream. */
  readonly isStream: boolean;
}

/** The data of a `fit`. */
export interface SentData {
  /** The rows; null: a stream, whose blocks the training thread asks for. */
  readonly x: SentRows | null;
  /** The labels; null: they are in the blocks. */
  readonly y: SentList | null;
  /** Options with one value per row, by name. */
  readonly lists: Readonly<Record<string, SentList>>;
  /** Validation data of the user's own; null: none. */
  readonly validation: {
    readonly x: SentRows;
    readonly y: SentList;
    readonly groups: string | SentList | undefined;
  } | null;
}

/** What the calling thread sends. */
export type ToWorker =
  | { readonly type: "check"; readonly model: ModelDescription; readonly fit: FitDescription }
  | { readonly type: "part"; readonly list: number; readonly values: readonly unknown[] }
  | { readonly type: "fit"; readonly data: SentData }
  | Answer;

/** The answer to the question of this number. */
export type Answer =
  | { readonly type: "goOn"; readonly id: number; readonly goesOn: boolean }
  | { readonly type: "block"; readonly id: number; readonly x: SentRows; readonly y: SentList }
  | { readonly type: "end"; readonly id: number };

/** An error as it is sent. */
export interface SentError {
  readonly name: string;
  readonly message: string;
}

/** What the training thread sends. */
export type FromWorker =
  | { readonly type: "checked" }
  | { readonly type: "notice"; readonly notice: Notice }
  | { readonly type: "onBatch"; readonly event: BatchEvent }
  /** Closes the stream that was opened under this number. */
  | { readonly type: "close"; readonly stream: number }
  | { readonly type: "done"; readonly file: Uint8Array<ArrayBuffer>; readonly history: History }
  | { readonly type: "failed"; readonly error: SentError }
  | (Question & { readonly id: number });

/** What the training thread waits for. */
export type Question =
  /** Whether training goes on after an epoch. */
  | { readonly type: "onEpoch"; readonly event: EpochEvent }
  /** The next block of a stream. The first question of a number opens the stream anew. */
  | { readonly type: "next"; readonly stream: number };
