// Neural Factorization Machine (He & Chua, SIGIR 2017): score(x) = w0 + sum_i w_i x_i + h . layers(BI(Vx)).
// The class tells the whole story and leaves every detail to others: options.ts reads the options, data/ turns what
// users pass into sparse rows, network.ts computes scores and gradients, learner.ts and training/ move the parameters,
// ranking/ scores many candidates in one context, explain.ts takes a score apart.

import { runAtOnce } from "./core/cooperate.ts";
import { checkBoolean, checkInteger, checkKeys, wrongType, wrongValue } from "./core/errors.ts";
import type { SparseVector } from "./core/sparse-row.ts";
import { CSRBuilder } from "./core/sparse.ts";
import { toPacked } from "./core/tensor.ts";
import type { RowView } from "./data/batches.ts";
import type { FeatureEncoder } from "./data/feature-encoder.ts";
import type { FeatureMap, FeatureRow } from "./data/feature-map.ts";
import { readIds, type Id } from "./data/ids.ts";
import { checkInput, copyRows, countRows, isInput, readInput, readRow, type Input } from "./data/input.ts";
import { attribute, nameParts, type Explanation } from "./explain.ts";
import { chooseBackend } from "./kernels/backend.ts";
import { Learner, readerOf, type Model } from "./learner.ts";
import { linkOf } from "./losses.ts";
import { readModel, writeModel } from "./model-file.ts";
import { readOptions, type LoadOverrides, type NFMOptions } from "./options.ts";
import { Catalogue } from "./ranking/catalogue.ts";
import { selectTop } from "./ranking/top.ts";
import { labelledExamples, pairedExamples, readTargets } from "./training/examples.ts";
import { checkMetricNames, readFitOptions, type FitOptions } from "./training/fit-options.ts";
import type { History } from "./training/fit.ts";
import { chooseMetrics, measureAll, type Metric } from "./training/metrics.ts";

/** A candidate in its place. */
export interface Ranked {
  /** Its position among the candidates. */
  readonly index: number;
  /** What `predict` gives for context and candidate together. */
  readonly score: number;
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
  readonly #row = new CSRBuilder();

  /** @throws TypeError or RangeError that names the option. */
  constructor(options: NFMOptions = {}) {
    this.#learner = new Learner(readOptions(options, "NFM"));
    chooseBackend(this.#settings.backend); // refuses a backend that cannot run here
  }

  /**
   * Trains on labelled rows from a fresh start (or goes on, with `resume`), giving way to the event loop. With feature
   * maps the vocabulary is learned here, from the training rows alone. A pairwise loss needs `options.groups`: it learns from
   * pairs of rows of a group, of which the first has the higher label.
   *
   * @param x Rows; (rows).
   * @param y Labels, finite; what the loss accepts; (rows).
   * @param options See `FitOptions`.
   * @returns The course of the training.
   * @throws TypeError, RangeError or Error naming the place; the model is then as it was, or as after the last good epoch.
   */
  async fit<T extends FeatureRow<T>>(x: Input | readonly T[], y: ArrayLike<number>, options: FitOptions = {}): Promise<History> {
    const settings = readFitOptions("fit", options);
    if (settings.groups === undefined) this.#requireLoss("fit", "pointwise", "pass groups, or use fitPairs");
    return this.#learner.fit("fit", labelledExamples("fit: ", this.#settings.loss, x, y, options.sampleWeight, options.groups, options.pairsPerRow), settings);
  }

  /**
   * Trains a pairwise loss on pairs: row i of `positives` should score above row i of `negatives`.
   *
   * @param positives Rows; (pairs).
   * @param negatives Rows; (pairs).
   */
  async fitPairs<T extends FeatureRow<T>>(positives: Input | readonly T[], negatives: Input | readonly T[], options: FitOptions = {}): Promise<History> {
    this.#requireLoss("fitPairs", "pairwise", "use fit");
    const settings = readFitOptions("fitPairs", options);
    return this.#learner.fit("fitPairs", pairedExamples("fitPairs: ", positives, negatives), settings);
  }

  /**
   * Takes exactly one optimizer step on exactly these rows. The first call decides the vocabulary and the number of
   * features, unless the constructor was given an encoder or `numFeatures`.
   *
   * @returns The mean loss before the step.
   * @throws TypeError, RangeError or Error; nothing has changed then.
   */
  partialFit<T extends FeatureRow<T>>(x: Input | readonly T[], y: ArrayLike<number>, options: { sampleWeight?: ArrayLike<number> } = {}): number {
    this.#requireLoss("partialFit", "pointwise", "use partialFitPairs");
    checkKeys("partialFit", options, ["sampleWeight"]);
    return this.#learner.partialFit("partialFit", labelledExamples("partialFit: ", this.#settings.loss, x, y, options.sampleWeight));
  }

  /** `partialFit` for a pairwise loss. */
  partialFitPairs<T extends FeatureRow<T>>(positives: Input | readonly T[], negatives: Input | readonly T[]): number {
    this.#requireLoss("partialFitPairs", "pairwise", "use partialFit");
    return this.#learner.partialFit("partialFitPairs", pairedExamples("partialFitPairs: ", positives, negatives));
  }

  /**
   * Scores one row or many.
   *
   * @param x A feature map or sparse vector, or rows of them. Features never seen in training contribute nothing.
   * @param options.raw The score itself instead of the loss's prediction (a probability for the log loss). Default: false.
   * @returns A number for one row, a Float32Array (rows) for rows.
   */
  predict<T extends FeatureRow<T>>(x: Input | readonly T[], options?: { raw?: boolean }): Float32Array;
  predict<T extends object & FeatureRow<T>>(x: FeatureMap | SparseVector | T, options?: { raw?: boolean }): number;
  predict(x: FeatureMap | SparseVector | Input, options: { raw?: boolean } = {}): number | Float32Array {
    checkKeys("predict", options, ["raw"]);
    if (options.raw !== undefined) checkBoolean("predict: raw", options.raw);
    const model = this.#learner.ready("predict");
    const link = options.raw ? null : linkOf(this.#settings.loss);
    if (!isInput(x)) {
      const score = this.#scoreOne(model, x, "predict: x");
      return link ? Math.fround(link(score)) : score;
    }
    const scores = this.#scoreAll(model, checkInput(x, "predict: x"), "predict: x");
    return link ? scores.map((score) => link(score)) : scores;
  }

  /**
   * Measures predictions against labels.
   *
   * @param metrics Which. Default: those of the loss that y can give.
   * @param options.groups Group of each row, for ranking metrics such as "ndcg@10"; ids; (rows).
   * @returns The value of each metric by name.
   */
  evaluate<T extends FeatureRow<T>>(
    x: Input | readonly T[], y: ArrayLike<number>, metrics?: readonly Metric[], options: { groups?: ArrayLike<Id> | undefined } = {},
  ): Record<string, number> {
    const model = this.#learner.ready("evaluate");
    if (metrics !== undefined) checkMetricNames("evaluate", metrics);
    checkKeys("evaluate", options, ["groups"]);
    const { loss, labelRange } = model.trainer;
    const input = checkInput(x, "evaluate: x");
    const rows = countRows(input);
    const targets = readTargets("evaluate: y", loss, y, rows);
    const groups = options.groups === undefined ? null : readIds(options.groups, rows, "evaluate: groups", "the number of rows of x");
    const measured = chooseMetrics(metrics, { targets, groups, loss, labelRange }, "evaluate: ");
    if (measured.length === 0 && metrics === undefined) throw new Error(`evaluate: the ${loss.name} loss ranks rows within groups; pass groups, or metrics that these labels can give`);
    return measureAll(measured, { scores: this.#scoreAll(model, input, "evaluate: x"), targets, groups, loss, labelRange });
  }

  /**
   * Ranks candidates in a context, whose features they share: the context's sums are computed once, so its size costs nothing
   * per candidate. Scores are those of `predict` for rows that hold the context's features and behind them the candidate's,
   * bit for bit; for a factorization machine with a prepared catalogue within 1e-6 of the largest number on the way: w0, the
   * linear sum, and (sum_i x_i v_i)^2 and sum_i (x_i v_i)^2, times batch norm's factor if there is one.
   *
   * @param context What all candidates share: a feature map or sparse vector. A feature of context and candidate has the sum
   *   of its values, so leave out of candidates what the context says (those that share one are scored as whole rows).
   * @param candidates Rows, or what `prepare` made of them.
   * @param options.top How many to return, at least 1. Default: all.
   * @returns The best by raw score, best first; of equal ones the earlier candidate first.
   */
  rank<C extends object & FeatureRow<C>, T extends FeatureRow<T>>(
    context: FeatureMap | SparseVector | C, candidates: Input | readonly T[] | Catalogue, options: { top?: number | undefined } = {},
  ): Ranked[] {
    checkKeys("rank", options, ["top"]);
    const top = checkInteger("rank: top", options.top ?? Number.MAX_SAFE_INTEGER, 1);
    const model = this.#learner.ready("rank");
    const row = this.#readRow(model, context as FeatureMap, "rank: context");
    const prepared = candidates instanceof Catalogue;
    const input = prepared ? candidates.input : checkInput(candidates, "rank: candidates");
    if (countRows(input) === 0) return [];
    const catalogue = prepared ? candidates : new Catalogue(input, "rank: candidates");
    const scores = catalogue.score(model.trainer, readerOf(model), row, !prepared);
    const link = linkOf(this.#settings.loss);
    return Array.from(selectTop(scores, top), (index) => ({ index, score: link ? Math.fround(link(scores[index])) : scores[index] }));
  }

  /**
   * Encodes candidates once, for ranking them again and again.
   *
   * @param candidates At least one row.
   */
  prepare<T extends FeatureRow<T>>(candidates: Input | readonly T[]): Catalogue {
    const model = this.#learner.ready("prepare");
    const catalogue = new Catalogue(copyRows(checkInput(candidates, "prepare: candidates")), "prepare: candidates");
    runAtOnce(catalogue.read(readerOf(model)));
    return catalogue;
  }

  /**
   * The reasons for a score: parts that sum to it. Without hidden layers they are the terms of the model. With them, the
   * part of f(BI(Vx)) beyond f(0) goes to pairs of features by integrated gradients along the pooled vector (Sundararajan et
   * al. 2017): pair (i, j) has x_i x_j sum_d v_id v_jd G_d, with G the mean gradient of f on the way from 0 to BI(Vx). The
   * sum is the raw score in float64: that of `predict` to 1e-4, where its float32 does not cancel large squares, as of values
   * in the thousands. Time and result are quadratic in the features of the row.
   *
   * @param x A feature map or sparse vector.
   * @throws Error if the model has layers of your own, whose gradient in prediction is not known; RangeError for a row of more
   *   than 2,000 features.
   */
  explain<T extends object & FeatureRow<T>>(x: FeatureMap | SparseVector | T): Explanation {
    const model = this.#learner.ready("explain");
    const { indptr, indices, values } = this.#readRow(model, x as FeatureMap, "explain: x");
    if (indptr[1] > 2000) throw new RangeError(`explain: x must have at most 2000 features, whose pairs are listed, got ${indptr[1]}`);
    const entries = indices.slice(0, indptr[1]);
    const { network } = model.trainer;
    const nameOf = (index: number): string => (model.encoder && index < model.encoder.numFeatures ? model.encoder.name(index) : `#${index}`);
    return nameParts(attribute(network.scorer, entries, values && values.slice(0, indptr[1])), entries, nameOf);
  }

  /**
   * Takes V, w and w0 of a trained factorization machine as initial values, as in the experiments of the paper, and its
   * vocabulary with them. `fit` starts from them whenever it starts afresh; a model loaded from a file does not.
   *
   * @param fm A model of the same `embeddingDim`.
   * @returns This model.
   * @throws Error if this model has been trained already; RangeError if the sizes differ.
   */
  initFrom(fm: NFM): this {
    if (!(fm instanceof NFM)) throw wrongType("initFrom: fm", "an NFM", fm);
    this.#learner.initFrom(fm.#learner);
    return this;
  }

  /**
   * The model as a safetensors file.
   *
   * @param options.optimizer Include the optimizer's state, to go on training exactly. Default: false.
   */
  save(options: { optimizer?: boolean } = {}): Uint8Array {
    checkKeys("save", options, ["optimizer"]);
    if (options.optimizer !== undefined) checkBoolean("save: optimizer", options.optimizer);
    const { trainer, encoder } = this.#learner.ready("save");
    return writeModel(this.#settings, trainer, encoder, options.optimizer ?? false);
  }

  /**
   * Reads a model file, written by `save` or by PyTorch.
   *
   * @param overrides Another optimizer, backend or loss than the saved ones, or what a file cannot hold.
   * @throws Error, TypeError or RangeError that says what is wrong with the file.
   */
  static load(bytes: Uint8Array, overrides: LoadOverrides = {}): NFM {
    checkKeys("load", overrides, ["optimizer", "backend", "loss", "layers"]);
    const { settings, trainer, encoder } = readModel(bytes, overrides);
    const model = new this();
    model.#learner = new Learner(settings, { trainer, encoder });
    return model;
  }

  /** Which kernels run. */
  get backend(): "wasm" | "js" {
    return this.#learner.model?.trainer.network.kernels.name ?? chooseBackend(this.#settings.backend).name;
  }

  /** Number of features; 0 while it is not known. */
  get numFeatures(): number {
    return this.#learner.model?.trainer.network.spec.numFeatures ?? this.#settings.numFeatures ?? 0;
  }

  /** Number of trainable numbers; 0 while the number of features is not known. */
  get numParameters(): number {
    const sizes = this.#learner.started()?.trainer.network.readParameters().map(({ value, trainable }) => (trainable ? value.rows * value.cols : 0));
    return sizes?.reduce((sum, size) => sum + size, 0) ?? 0;
  }

  /** The encoder in use, which cannot be fitted again; null for a model of sparse rows. */
  get encoder(): FeatureEncoder | null {
    return (this.#learner.model ?? this.#settings).encoder;
  }

  /** The course of the last `fit` that ended well; null before. */
  get history(): History | null {
    return this.#learner.history;
  }

  /** A copy of a tensor by its name in the model file, such as "embedding.weight", in PyTorch's shape. */
  tensor(name: string): { shape: readonly number[]; data: Float32Array } {
    const parameters = this.#learner.ready("tensor").trainer.network.readParameters();
    const found = parameters.find((parameter) => parameter.name === name);
    if (!found) throw wrongValue("tensor: name", `one of ${parameters.map((parameter) => parameter.name).join(", ")}`, name);
    return { shape: found.shape, data: toPacked(found.value, found.transposed) };
  }

  get #settings(): Learner["settings"] {
    return this.#learner.settings;
  }

  #requireLoss(caller: string, kind: "pointwise" | "pairwise", remedy: string): void {
    const { loss } = this.#settings;
    if (loss.kind !== kind) throw new Error(`${caller}: the ${loss.name} loss is ${loss.kind}; ${remedy}, or another loss`);
  }

  #scoreAll({ trainer, encoder }: Model, x: Input, place: string): Float32Array {
    const matrix = runAtOnce(readInput(x, readerOf({ trainer, encoder }), place));
    return runAtOnce(trainer.score(matrix, new Float32Array(matrix.rows)));
  }

  /** Reads one row; the view is overwritten by the next. */
  #readRow(model: Model, x: FeatureMap | SparseVector, place: string): RowView {
    this.#row.clear();
    readRow(this.#row, x, readerOf(model), place);
    return this.#row.view;
  }

  #scoreOne(model: Model, x: FeatureMap | SparseVector, place: string): number {
    const row = this.#readRow(model, x, place);
    const { trainer } = model;
    trainer.reserve(1, row.indptr[1], false);
    const { network } = trainer;
    network.batch.clear();
    network.batch.append(row, null, 0, 1);
    network.forward(false);
    return network.scores.data[0];
  }

  /** @internal */
  static learnerOf(model: NFM): Learner {
    return model.#learner;
  }
}
