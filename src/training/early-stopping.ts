// Early stopping: checks measure a model in training on validation data, after every epoch, and with
// `validation: "auto"` within an epoch too. By one metric they decide which state of the model is the best,
// and that training should stop because no better one came for some time. Errors and losses are minimized,
// all other metrics are maximized.

import type { Pacer } from "../core/event-loop.ts";
import { isHigherBetter, type Metric } from "../metrics/metrics.ts";
import type { Predictor } from "../predictor.ts";

/** Measures a model. The result has the values by name: "loss" and the metrics. */
export type Measure = (predictor: Predictor, pacer: Pacer) => Promise<Record<string, number>>;

/** One measurement on validation data. */
export interface CheckRecord {
  /** Number of the epoch in which, or after which, the model was measured. */
  readonly epoch: number;
  /** Number of steps since the start of this `fit`. A step trains on one batch. */
  readonly step: number;
  /** Number of rows (or pairs) trained on since the start of this `fit`; each pass counts them again. */
  readonly rows: number;
  /**
   * Mean training loss since the check before. The loss of each batch is measured before its step. NaN at a
   * check before the first step.
   */
  readonly loss: number;
  /** Validation loss and metrics by name. */
  readonly validation: Readonly<Record<string, number>>;
  /** Whether the model was better than at every check before, by the monitored metric. */
  readonly best: boolean;
}

/** How to measure the model, and which value decides which state is the best. */
export interface ValidationPlan {
  /** The metric that decides. */
  readonly monitor: Metric | "loss";
  /** Measures the model on the validation data. */
  readonly measure: Measure;
}

/** Watches one validation metric over the checks. */
export class EarlyStopping {
  readonly #sign: number;
  readonly #patience: number;
  #best = Infinity;
  #bestEpoch: number | null = null;
  #waited = 0;

  /**
   * Starts before the first check.
   *
   * @param monitor The metric to watch.
   * @param patience Number of checks without improvement after which training stops, at least 1. Infinity:
   *   training never stops early.
   */
  constructor(monitor: Metric | "loss", patience: number) {
    this.#sign = isHigherBetter(monitor) ? -1 : 1;
    this.#patience = patience;
  }

  /**
   * Records the value of a check.
   *
   * @param epoch Number of the epoch that the check belongs to.
   * @param value Value of the metric. NaN is never the best.
   * @returns Whether this check is the best so far. Of equal checks the first stays the best.
   */
  observe(epoch: number, value: number): boolean {
    const better = this.#sign * value < this.#best;
    this.#waited = better ? 0 : this.#waited + 1;
    if (better) [this.#best, this.#bestEpoch] = [this.#sign * value, epoch];
    return better;
  }

  /** Number of the epoch of the best check so far; null if there is none. */
  get bestEpoch(): number | null {
    return this.#bestEpoch;
  }

  /** Whether `patience` checks in a row brought no improvement. */
  get shouldStop(): boolean {
    return this.#waited >= this.#patience;
  }
}

/** All checks of one fit. */
export class Checks {
  /** The checks so far. */
  readonly records: CheckRecord[] = [];
  #best: CheckRecord | null = null;
  readonly #plan: ValidationPlan;
  readonly #stopping: EarlyStopping;

  /**
   * Starts before the first check.
   *
   * @param plan How to measure.
   * @param patience Number of checks without improvement after which training stops; Infinity: never.
   * @param earlier The checks that were made before a break. Default: none.
   */
  constructor(plan: ValidationPlan, patience: number, earlier: readonly CheckRecord[] = []) {
    this.#plan = plan;
    this.#stopping = new EarlyStopping(plan.monitor, patience);
    for (const check of earlier) {
      this.#stopping.observe(check.epoch, check.validation[plan.monitor]);
      this.records.push(check);
      if (check.best) this.#best = check;
    }
  }

  /**
   * Measures the model.
   *
   * @param predictor The model.
   * @param at How far training has come.
   * @param pacer Says when to give way to the event loop.
   * @returns The check, which is now the last of `records`.
   */
  async run(
    predictor: Predictor,
    at: Omit<CheckRecord, "validation" | "best">,
    pacer: Pacer,
  ): Promise<CheckRecord> {
    const { monitor, measure } = this.#plan;
    const validation = await measure(predictor, pacer);
    const check = { ...at, validation, best: this.#stopping.observe(at.epoch, validation[monitor]) };
    this.records.push(check);
    if (check.best) this.#best = check;
    return check;
  }

  /** The best check so far; null if there is none. */
  get best(): CheckRecord | null {
    return this.#best;
  }

  /** Whether `patience` checks in a row brought no improvement. */
  get shouldStop(): boolean {
    return this.#stopping.shouldStop;
  }
}
