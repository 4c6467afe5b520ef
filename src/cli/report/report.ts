// What a report of a training says, as plain data. `reportPage` in page.ts turns it into a page.

import type { History } from "../../index.ts";
import type { Diagnostics } from "./diagnostics.ts";
import type { Strongest } from "./strongest.ts";

/** One setting of the training. */
export interface Setting {
  /** Name as users write it, such as "embeddingDim" or "--k". */
  readonly name: string;
  /** Its value in words. */
  readonly value: string;
  /** Whether nobody set it. */
  readonly isDefault: boolean;
}

/** One field of the training rows. `model.fields` has this form. */
export interface ReportField {
  /** Name of the field. */
  readonly name: string;
  /** What its values are, such as "category" or "number". */
  readonly kind: string;
  /** Number of levels; null if the kind has none. */
  readonly levels: number | null;
  /** Smallest and largest training value; null if the kind has no range. */
  readonly range: readonly [min: number, max: number] | null;
  /** Share of the training rows without a value, from 0 to 1. */
  readonly missing: number;
}

/** How good the model was at one moment of the training. */
export interface CurvePoint {
  /** Passes over the training rows so far, above 0. It is no integer for a check within an epoch. */
  readonly epoch: number;
  /** Mean training loss since the point before. */
  readonly loss: number;
  /** Loss and metrics on the held-out rows by name; null if none were measured. */
  readonly validation: Readonly<Record<string, number>> | null;
}

/** The course of the training. */
export interface Curve {
  /** The points in the order of time. */
  readonly points: readonly CurvePoint[];
  /** Position of the best point; null if none was chosen. */
  readonly best: number | null;
  /** Whether the model has the parameters of the best point. It has others after a refit. */
  readonly isKept: boolean;
  /** The value of `validation` that decided which point is best. */
  readonly monitor: string;
}

/** Metrics by name, such as `{ logloss: 0.41, auc: 0.82 }`. A value may be NaN. */
export type Metrics = Readonly<Record<string, number>>;

/** The content of a report. */
export interface Report {
  /** Name of the data, such as "clicks.csv". */
  readonly title: string;
  /** When the training ended, as the page shows it, such as "2026-03-14 15:09 UTC". */
  readonly date: string;
  /** Version of the library. */
  readonly version: string;
  /** The command line as it was typed. */
  readonly command: string;
  /** Wall-clock seconds of the training. */
  readonly seconds: number;
  /** Numbers of rows. */
  readonly rows: { readonly trained: number; readonly heldOut: number };
  /** What was held out and why, in a sentence; null if nothing was. */
  readonly heldOut: string | null;
  /** Why the training ended, in a sentence. */
  readonly stopped: string;
  /** Number of features of the model. */
  readonly features: number;
  /** Number of trainable numbers. */
  readonly parameters: number;
  /** Name of the loss. */
  readonly loss: string;
  /** Name of the label column; null if it has none. */
  readonly label: string | null;
  /** Names of the negative and of the positive class; null if they are 0 and 1 or if there are no classes. */
  readonly classes: readonly [negative: string, positive: string] | null;
  /** Notices of the training, each in words. */
  readonly notices: readonly string[];
  /** The settings, in the order of the page. */
  readonly settings: readonly Setting[];
  /** The fields of the rows; null if the rows have none, such as those of a libSVM file. */
  readonly fields: readonly ReportField[] | null;
  /** The course of the training. */
  readonly curve: Curve;
  /** Metrics of the finished model. The first one of `heldOut` (else of `training`) is the headline. */
  readonly metrics: {
    /** On the held-out rows; null if there are none. */
    readonly heldOut: Metrics | null;
    /** On the training rows; null if they were not measured. */
    readonly training: Metrics | null;
    /** Of the best constant prediction, on the same rows as the headline. See `constantMetrics`. */
    readonly constant: Metrics | null;
  };
  /** How the predictions lie, see `diagnose`; null if the loss has no such charts. */
  readonly diagnostics: Diagnostics | null;
  /** Whether the diagnostics are of held-out rows or of training rows. */
  readonly diagnosticsOf: "held-out" | "training";
  /** What moves the predictions most, see `strongest`; null if it was not computed. */
  readonly strongest: Strongest | null;
}

/**
 * Makes a curve from the history of `fit`: a point per check on held-out rows, or a point per epoch if there
 * are no checks.
 *
 * @param history The history.
 * @param trained Number of training rows of an epoch.
 * @param monitor The value that decided which point is best. Default: "loss".
 * @returns The curve.
 */
export function curveOf(
  { epochs, checks, refit }: Pick<History, "epochs" | "checks" | "refit">,
  trained: number,
  monitor: string = "loss",
): Curve {
  const isKept = refit === null;
  if (checks.length > 0) {
    const points = checks.map(({ rows, loss, validation }) => ({ epoch: rows / trained, loss, validation }));
    const best = checks.map((check) => check.best).lastIndexOf(true); // each best check beats those before
    return { points, best: best < 0 ? null : best, isKept, monitor };
  }
  const points = epochs.map(({ epoch, loss, validation }) => ({ epoch, loss, validation }));
  return { points, best: null, isKept, monitor };
}
