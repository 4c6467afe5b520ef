// Neural Factorization Machine (He & Chua, SIGIR 2017): score(x) = w0 + sum_i w_i x_i + h . layers(BI(Vx)).
// The class tells the whole story and leaves every detail to others: training/ checks options and data and
// changes the model, predictor.ts predicts, ranks and explains, metrics/ measures.

import { checkBoolean, checkKeys, wrongType } from "./core/errors.ts";
import { INSPECT, type Inspect, showSummary } from "./core/summary.ts";
import type { FeatureEncoder } from "./data/feature-encoder.ts";
import type { FeatureMap, FeatureRow } from "./data/feature-map.ts";
import { type IdsOption, readIds } from "./data/ids.ts";
import { checkRows, countRows, type Rows } from "./data/rows.ts";
import type { SparseVector } from "./data/sparse-row.ts";
import type { Explanation } from "./explain/explain.ts";
import { Memory } from "./kernels/memory.ts";
import { chooseMetrics, type Metric, measureAll } from "./metrics/metrics.ts";
import type { PredictOptions, Ranked, RankOptions } from "./predictor.ts";
import type { Catalog } from "./ranking/catalog.ts";
import { GroupedRows } from "./training/datasets/groups.ts";
import { checkLabeledRows, LabeledRows, readTargets } from "./training/datasets/labeled-rows.ts";
import { Pairs } from "./training/datasets/pairs.ts";
import type { History } from "./training/epochs.ts";
import {
  checkMetricNames,
  type FitOptions,
  type FitPairsOptions,
  readFitOptions,
} from "./training/fit-options.ts";
import { Learner } from "./training/learner.ts";
import { type LoadOverrides, type NFMOptions, optionsToJSON, readOptions } from "./training/options.ts";

/** Options of `evaluate`. */
export interface EvaluateOptions<M extends Metric = Metric> {
  /** What to measure. Default: by the loss. */
  metrics?: readonly M[] | undefined;
  /**
   * Group of each row, for ranking metrics such as "ndcg@10": a field name, or an id per row. Default:
   * none.
   */
  groups?: IdsOption | undefined;
}

/** A short summary of a model, as `JSON.stringify` and `console.log` show it. */
export interface NFMSummary {
  readonly options: Readonly<Record<string, unknown>>;
  readonly numFeatures: number;
  readonly numParameters: number;
  readonly backend: "wasm" | "js";
}

/**
 * A Neural Factorization Machine.
 *
 * @example
 * const model = new NFM({ embeddingDim: 16, loss: "log" });
 * await model.fit([{ user: "ana", item: "milk" }, { user: "bo", item: "tea" }], [1, 0], { epochs: 5 });
 * model.predict({ user: "ana", item: "tea" }); // a probability
 */
export class NFM {
  #learner: Learner;

  /**
   * Checks the options. Parameters are made when the number of features is known.
   *
   * @param options See `NFMOptions`.
   * @throws TypeError or RangeError that names the option; Error for a backend that cannot run here.
   */
  constructor(options: NFMOptions = {}) {
    const settings = readOptions(options, "NFM");
    new Memory(settings.backend); // refuses a backend that cannot run here
    this.#learner = new Learner(settings);
  }

  /**
   * Trains on labeled rows from a fresh start (or goes on, with `resume`), giving way to the event loop. With
   * feature maps the vocabulary is learned here, from the training rows alone. A pairwise loss needs
   * `options.groups`: it learns from pairs of rows of a group, of which the first has the higher label.
   *
   * @param x Rows; (rows).
   * @param y Labels, finite; what the loss accepts; (rows).
   * @param options See `FitOptions`.
   * @returns The course of the training.
   * @throws TypeError, RangeError or Error naming the place; the model is then as it was, or as after the
   *   last good epoch.
   */
  async fit<T extends FeatureRow<T>>(
    x: Rows | readonly T[],
    y: ArrayLike<number>,
    options: FitOptions = {},
  ): Promise<History> {
    const settings = readFitOptions("fit", options);
    const { loss, seed } = this.#learner.settings;
    if (settings.groups === undefined) this.#requireLoss("fit", "pointwise", "pass groups, or use fitPairs");
    const { sampleWeight, pairsPerRow } = options;
    if (loss.kind === "pairwise" && sampleWeight !== undefined) {
      throw new TypeError(
        `fit: sampleWeight weighs rows, and the ${loss.name} loss compares pairs; leave it out`,
      );
    }
    if (loss.kind === "pointwise" && pairsPerRow !== undefined) {
      throw new TypeError(
        `fit: pairsPerRow draws pairs, and the ${loss.name} loss takes rows one by one; leave it out`,
      );
    }
    const rows = checkLabeledRows("fit: ", loss, x, y, options);
    const source =
      loss.kind === "pointwise"
        ? new LabeledRows("fit: ", loss, rows)
        : new GroupedRows("fit: ", { loss, seed, pairsPerRow: settings.pairsPerRow }, rows);
    return this.#learner.fitMeasurable("fit", source, settings);
  }

  /**
   * Trains a pairwise loss on pairs: row i of `positives` should score above row i of `negatives`.
   *
   * @param positives Rows; (pairs).
   * @param negatives Rows; (pairs).
   * @param options See `FitPairsOptions`.
   * @returns The course of the training.
   * @throws As `fit`.
   */
  async fitPairs<T extends FeatureRow<T>>(
    positives: Rows | readonly T[],
    negatives: Rows | readonly T[],
    options: FitPairsOptions = {},
  ): Promise<History> {
    const loss = this.#requireLoss("fitPairs", "pairwise", "use fit");
    const settings = readFitOptions("fitPairs", options);
    return this.#learner.fitMeasurable(
      "fitPairs",
      new Pairs("fitPairs: ", loss, positives, negatives),
      settings,
    );
  }

  /**
   * Takes exactly one optimizer step on exactly these rows. The first call decides the vocabulary and the
   * number of features, unless the constructor was given an encoder or `numFeatures`.
   *
   * @param x Rows; (rows).
   * @param y Labels; (rows).
   * @param options.sampleWeight Weight of each row, finite, at least 0; (rows). Default: all rows alike.
   * @returns The mean loss before the step.
   * @throws TypeError, RangeError or Error; nothing has changed then.
   */
  partialFit<T extends FeatureRow<T>>(
    x: Rows | readonly T[],
    y: ArrayLike<number>,
    options: { sampleWeight?: ArrayLike<number> | undefined } = {},
  ): number {
    const loss = this.#requireLoss("partialFit", "pointwise", "use partialFitPairs");
    checkKeys("partialFit", options, ["sampleWeight"]);
    const place = "partialFit: ";
    const rows = checkLabeledRows(place, loss, x, y, options);
    return this.#learner.partialFit("partialFit", new LabeledRows(place, loss, rows));
  }

  /**
   * `partialFit` for a pairwise loss.
   *
   * @param positives Rows; (pairs).
   * @param negatives Rows; (pairs).
   * @returns The mean loss before the step.
   * @throws TypeError, RangeError or Error; nothing has changed then.
   */
  partialFitPairs<T extends FeatureRow<T>>(
    positives: Rows | readonly T[],
    negatives: Rows | readonly T[],
  ): number {
    const loss = this.#requireLoss("partialFitPairs", "pairwise", "use partialFit");
    const pairs = new Pairs("partialFitPairs: ", loss, positives, negatives);
    return this.#learner.partialFit("partialFitPairs", pairs);
  }

  /**
   * Scores one row or many.
   *
   * @param x A feature map or sparse vector, or rows of them. Features never seen in training contribute
   *   nothing.
   * @param options See `PredictOptions`.
   * @returns A number for one row, a Float32Array (rows) for rows.
   * @throws TypeError or RangeError that names row and field; Error if the model has no parameters yet.
   */
  predict<T extends FeatureRow<T>>(x: Rows | readonly T[], options?: PredictOptions): Float32Array;
  predict<T extends object & FeatureRow<T>>(
    x: FeatureMap | SparseVector | T,
    options?: PredictOptions,
  ): number;
  predict<T extends object & FeatureRow<T>>(
    x: Rows | readonly T[] | FeatureMap | SparseVector | T,
    options?: PredictOptions,
  ): number | Float32Array;
  predict(x: Rows | FeatureMap | SparseVector, options?: PredictOptions): number | Float32Array {
    return this.#learner.ready("predict").predict(x, options);
  }

  /**
   * Measures predictions against labels.
   *
   * @param x Rows; (rows).
   * @param y Labels, what the loss accepts; (rows).
   * @param options See `EvaluateOptions`.
   * @returns The value of each metric by name.
   * @throws TypeError, RangeError or Error that says what a metric needs.
   */
  evaluate<T extends FeatureRow<T>, const M extends Metric = Metric>(
    x: Rows | readonly T[],
    y: ArrayLike<number>,
    options: EvaluateOptions<M> = {},
  ): Metric extends M ? Record<string, number> : Record<M, number> {
    const predictor = this.#learner.ready("evaluate");
    checkKeys("evaluate", options, ["metrics", "groups"]);
    const { metrics, groups } = options;
    if (metrics !== undefined) checkMetricNames("evaluate", metrics);
    const { loss } = this.#learner.settings;
    const rows = checkRows(x, "evaluate: x");
    const targets = readTargets("evaluate: y", loss, y, countRows(rows));
    const input = {
      targets,
      groups: groups === undefined ? null : readIds(groups, rows, "evaluate: groups", "x"),
      loss,
      labelRange: this.#learner.labelRange,
    };
    const chosen = chooseMetrics(metrics, input, "evaluate: ");
    if (chosen.length === 0 && metrics === undefined) {
      const remedy = "pass groups, or metrics that these labels can give";
      throw new Error(`evaluate: the ${loss.name} loss ranks rows within groups; ${remedy}`);
    }
    return measureAll(chosen, { ...input, scores: predictor.score(rows, "evaluate: x") });
  }

  /**
   * Ranks candidates in a context, whose features they share. The sums of the context are computed once, so
   * that its size costs nothing per candidate. Scores are those of `predict` for rows that hold the context's
   * features and behind them the candidate's, bit for bit. For a factorization machine with a prepared
   * catalog they are within 1e-6 of the largest number on the way: w0, the linear sum, and the two sums of
   * squares that pooling subtracts, times batch norm's factor.
   *
   * @param context What all candidates share: a feature map or sparse vector. A feature of context and
   *   candidate has the sum of its values, so leave out of candidates what the context says (those that share
   *   one are scored as whole rows).
   * @param candidates Rows, or what `prepare` made of them.
   * @param options See `RankOptions`.
   * @returns The best by raw score, best first; of equal ones the earlier candidate first.
   * @throws TypeError or RangeError that names row and field.
   */
  rank<C extends object & FeatureRow<C>, T extends FeatureRow<T>>(
    context: FeatureMap | SparseVector | C,
    candidates: Rows | readonly T[] | Catalog,
    options: RankOptions = {},
  ): Ranked[] {
    return this.#learner.ready("rank").rank(context as FeatureMap, candidates as Rows, options);
  }

  /**
   * Encodes candidates once, for ranking them again and again.
   *
   * @param candidates At least one row.
   * @returns A catalog for `rank`.
   * @throws TypeError or RangeError that names row and field.
   */
  prepare<T extends FeatureRow<T>>(candidates: Rows | readonly T[]): Catalog {
    return this.#learner.ready("prepare").prepare(candidates as Rows);
  }

  /**
   * The reasons for a score: parts that sum to it. Without hidden layers they are the terms of the model.
   * With them, the part of f(BI(Vx)) beyond f(0) goes to pairs of features by integrated gradients along the
   * pooled vector (Sundararajan et al. 2017): pair (i, j) has x_i x_j sum_d v_id v_jd G_d, with G the mean
   * gradient of f on the way from 0 to BI(Vx). The sum is the raw score in float64: that of `predict` to
   * 1e-4, where its float32 does not cancel large squares, as of values in the thousands. Time and result are
   * quadratic in the features of the row.
   *
   * @param x A feature map or sparse vector of at most 2,000 features.
   * @returns The parts, the largest by magnitude first.
   * @throws Error if the model has layers of your own, whose gradient in prediction is not known; RangeError
   *   for a row of more features.
   */
  explain<T extends object & FeatureRow<T>>(x: FeatureMap | SparseVector | T): Explanation {
    return this.#learner.ready("explain").explain(x as FeatureMap);
  }

  /**
   * Takes V, w and w0 of a trained factorization machine as initial values, as in the experiments of the
   * paper (He & Chua 2017, section 4.4), and its vocabulary with them. `fit` starts from them whenever it
   * starts afresh; a model loaded from a file does not.
   *
   * @param fm A model of the same `embeddingDim`.
   * @returns This model.
   * @throws Error if this model has been trained already; RangeError if the sizes differ.
   */
  initFrom(fm: NFM): this {
    if (!isNFM(fm)) throw wrongType("initFrom: fm", "an NFM", fm);
    this.#learner.initFrom(fm.#learner);
    return this;
  }

  /**
   * The model as a safetensors file.
   *
   * @param options.optimizer Include the optimizer's state, to go on training exactly. Default: false.
   * @returns The bytes of the file.
   * @throws Error if the model has no parameters yet.
   */
  save(options: { optimizer?: boolean | undefined } = {}): Uint8Array {
    checkKeys("save", options, ["optimizer"]);
    if (options.optimizer !== undefined) checkBoolean("save: optimizer", options.optimizer);
    return this.#learner.save(options.optimizer ?? false);
  }

  /**
   * Reads a model file, written by `save` or by PyTorch.
   *
   * @param bytes The file.
   * @param overrides Another optimizer, backend or loss than the saved ones, or what a file cannot hold.
   * @returns The model.
   * @throws Error, TypeError or RangeError that says what is wrong with the file.
   */
  static load(bytes: Uint8Array, overrides: LoadOverrides = {}): NFM {
    checkKeys("load", overrides, ["optimizer", "backend", "loss", "layers"]);
    const learner = Learner.load(bytes, overrides);
    const model = new this();
    model.#learner = learner;
    return model;
  }

  /** Which kernels run. */
  get backend(): "wasm" | "js" {
    return this.#learner.predictor?.backend ?? new Memory(this.#learner.settings.backend).backend;
  }

  /** Number of features; 0 while it is not known. */
  get numFeatures(): number {
    return this.#learner.predictor?.numFeatures ?? this.#learner.settings.numFeatures ?? 0;
  }

  /** Number of trainable numbers; 0 while the number of features is not known. */
  get numParameters(): number {
    return this.#learner.numParameters;
  }

  /** The encoder in use, which cannot be fitted again; null for a model of sparse rows. */
  get encoder(): FeatureEncoder | null {
    const { predictor, settings } = this.#learner;
    return predictor === null ? settings.encoder : (predictor.encoder as FeatureEncoder | null);
  }

  /** The course of the last `fit` that ended well; null before. */
  get history(): History | null {
    return this.#learner.history;
  }

  /**
   * A copy of a parameter.
   *
   * @param name Name in the model file, such as "embedding.weight".
   * @returns Its numbers row by row, in PyTorch's shape.
   * @throws RangeError if there is no such parameter; Error if the model has no parameters yet.
   */
  tensor(name: string): { shape: readonly number[]; data: Float32Array } {
    return this.#learner.ready("tensor").tensor(name);
  }

  /** A short summary; the model itself is what `save` writes. */
  toJSON(): NFMSummary {
    const { numFeatures, numParameters, backend } = this;
    return {
      options: optionsToJSON(this.#learner.settings, numFeatures),
      numFeatures,
      numParameters,
      backend,
    };
  }

  /** @internal What `console.log` shows in Node. */
  [INSPECT](_depth: number, _options: unknown, inspect?: Inspect): string {
    const { options, ...rest } = this.toJSON();
    return showSummary("NFM", { ...options, ...rest }, inspect);
  }

  #requireLoss<K extends "pointwise" | "pairwise">(
    caller: string,
    kind: K,
    remedy: string,
  ): Extract<Learner["settings"]["loss"], { kind: K }> {
    const { loss } = this.#learner.settings;
    if (loss.kind !== kind) {
      throw new Error(`${caller}: the ${loss.name} loss is ${loss.kind}; ${remedy}, or another loss`);
    }
    return loss as Extract<Learner["settings"]["loss"], { kind: K }>;
  }

  /** @internal */
  static learnerOf(model: NFM): Learner {
    return model.#learner;
  }
}

/** Outside the class: a bundler renames a class that mentions itself, and `NFM.name` would change. */
function isNFM(value: unknown): value is NFM {
  return value instanceof NFM;
}
