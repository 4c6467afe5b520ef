// The class NFM, a Neural Factorization Machine (He & Chua 2017, section 3):
//     score(x) = w0 + sum_i w_i x_i + h . layers(BI(Vx))
// The methods check their arguments and call other files: training/ trains, predictor.ts predicts, ranks and
// explains, metrics/ measures.

import { checkBoolean, checkKeys, wrongType } from "./core/errors.ts";
import { runAtOnce } from "./core/event-loop.ts";
import { INSPECT, type Inspect, showSummary } from "./core/summary.ts";
import { countRows } from "./data/checked-rows.ts";
import type { FeatureEncoder } from "./data/feature-encoder.ts";
import type { FeatureMap, FeatureRow } from "./data/feature-map.ts";
import type { FieldInfo } from "./data/fields.ts";
import { type IdsOption, readIds } from "./data/ids.ts";
import type { Classes, Labels } from "./data/labels.ts";
import {
  type ColumnsObject,
  checkRows,
  type PredictedColumns,
  type Rows,
  type RowsOf,
  readRows,
} from "./data/rows.ts";
import type { SparseVector } from "./data/sparse-row.ts";
import type { Explanation } from "./explain/explain.ts";
import { chooseMetrics, type Metric, measureAll } from "./metrics/metrics.ts";
import type { ModelBytes } from "./model/bytes.ts";
import type { ModelStream } from "./model/model-stream.ts";
import { LOAD_KEYS, type PredictOptions, type Ranked, type RankOptions } from "./predictor.ts";
import type { Catalog } from "./ranking/catalog.ts";
import { GroupedRows } from "./training/datasets/groups.ts";
import { checkLabeledRows, LabeledRows, readTargets } from "./training/datasets/labeled-rows.ts";
import { LabeledLists } from "./training/datasets/lists.ts";
import { Pairs } from "./training/datasets/pairs.ts";
import { isStreamAlone, type LabeledStream, readStream } from "./training/datasets/streams/blocks.ts";
import { divideStream } from "./training/datasets/streams/divide-stream.ts";
import type { History } from "./training/epochs.ts";
import {
  checkMetricNames,
  type FitOptions,
  type FitPairsOptions,
  type FitStreamOptions,
  readFitOptions,
} from "./training/fit-options.ts";
import { Learner } from "./training/learner.ts";
import { type LoadOverrides, type NFMOptions, readOptions } from "./training/options.ts";
import { optionsToJSON } from "./training/save.ts";

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
  /** The options of the model, defaults included. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Number of features; 0 while it is not known. */
  readonly numFeatures: number;
  /** Number of trainable numbers; 0 while the number of features is not known. */
  readonly numParameters: number;
  /** The kernels that run. */
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
   * Checks the options. The parameters are allocated later, when the number of features is known.
   *
   * @param options See `NFMOptions`.
   * @throws TypeError or RangeError that names the option; Error for a backend that cannot run here.
   */
  constructor(options: NFMOptions = {}) {
    this.#learner = new Learner(readOptions(options, "NFM"));
  }

  /**
   * Trains on labeled rows. Training starts with new parameters, or continues with `resume`. It gives way to
   * the event loop now and then. From 1,000 rows on, some rows are held out to decide when to stop, unless
   * the option `validation` says otherwise. If the rows are feature maps, the vocabulary is learned from the
   * training rows. A pairwise loss needs `options.groups`: it learns from pairs of rows of a group, whose
   * first row has the higher label. So does a listwise loss, which learns from all rows of a group at once.
   *
   * @param x Rows, (rows).
   * @param y Labels, finite and such as the loss accepts, (rows). The losses "log" and "hinge" also take two
   *   different strings, see `classes`.
   * @param options See `FitOptions`.
   * @returns The history of the training.
   * @throws TypeError, RangeError or Error that names the place. The model is then as before the call, or as
   *   after the last good epoch. From 256 MB on it is as before the call, or as at the best check.
   */
  fit<T extends object & FeatureRow<T>>(x: RowsOf<T>, y: Labels, options?: FitOptions): Promise<History>;
  /**
   * Trains on labeled rows that are read anew in every epoch, so that they do not have to fit into memory.
   * The first reading learns the vocabulary, the kinds of the fields and the scales of numbers and labels.
   * The rows are shuffled within windows. If they fit into one window, the model has the same bits as one
   * that was trained on the same rows in memory. Only pointwise losses can be trained so.
   *
   * @param stream The rows: a reader of this library, or an object that can be opened again and again.
   * @param options See `FitStreamOptions`.
   * @returns The history of the training.
   * @throws As for rows in memory, and what reading throws.
   */
  fit(stream: LabeledStream, options?: FitStreamOptions): Promise<History>;
  async fit(x: unknown, y?: unknown, given?: FitOptions): Promise<History> {
    if (isStreamAlone(x, y)) return this.#fitStream(x, y as FitStreamOptions, given);
    const options = given ?? {};
    const settings = readFitOptions("fit", options);
    const { loss, seed } = this.#learner.settings;
    if (settings.groups === undefined) this.#requireLoss("fit", "pointwise", "pass groups, or use fitPairs");
    const { sampleWeight, pairsPerRow } = options;
    if (loss.kind !== "pointwise" && sampleWeight !== undefined) {
      throw new TypeError(
        `fit: sampleWeight weighs rows, and the ${loss.name} loss compares them; leave it out`,
      );
    }
    if (loss.kind !== "pairwise" && pairsPerRow !== undefined) {
      throw new TypeError(
        `fit: pairsPerRow draws pairs, and the ${loss.name} loss is ${loss.kind}; leave it out`,
      );
    }
    const known = settings.resume ? this.#learner.knownClasses : undefined;
    const rows = checkLabeledRows("fit: ", loss, x, y, options, known);
    const { pairsPerRow: mostPairs } = settings;
    const source =
      loss.kind === "pointwise"
        ? new LabeledRows("fit: ", loss, rows)
        : loss.kind === "pairwise"
          ? new GroupedRows("fit: ", { loss, seed, pairsPerRow: mostPairs }, rows)
          : new LabeledLists("fit: ", loss, rows);
    return this.#learner.fitMeasurable("fit", source, settings);
  }

  #fitStream(stream: LabeledStream, options: FitStreamOptions = {}, more?: unknown): Promise<History> {
    if (more !== undefined) {
      const remedy = "pass only the stream and the options";
      throw new TypeError(`fit: the labels of a stream come with its blocks; ${remedy}`);
    }
    const settings = readFitOptions("fit", options, true);
    this.#requireLoss("fit", "pointwise", "a stream cannot compare rows; pass rows in memory, with groups");
    const open = readStream("fit: ", stream);
    return this.#learner.fitStream("fit", settings, (context) => divideStream(open, settings, context));
  }

  /**
   * Trains a pairwise loss on pairs: row i of `positives` should score above row i of `negatives`.
   *
   * @param positives The better row of each pair, (pairs).
   * @param negatives The worse row of each pair, (pairs).
   * @param options See `FitPairsOptions`.
   * @returns The history of the training.
   * @throws As `fit`.
   */
  async fitPairs<T extends object & FeatureRow<T>>(
    positives: RowsOf<T>,
    negatives: RowsOf<T>,
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
   * Takes one optimizer step on exactly these rows. The first call fixes the vocabulary and the number of
   * features, unless the constructor got an encoder or `numFeatures`. A new model learns the labels as they
   * are; after `fit` it learns them in the unit that `fit` chose, see the option `labels`.
   *
   * @param x Rows; (rows).
   * @param y Labels; (rows).
   * @param options.sampleWeight Weight of each row, finite, at least 0; (rows). Default: all rows alike.
   * @returns The mean loss before the step.
   * @throws TypeError, RangeError or Error that names the place. Nothing has changed then.
   */
  partialFit<T extends object & FeatureRow<T>>(
    x: RowsOf<T>,
    y: Labels,
    options: { sampleWeight?: ArrayLike<number> | undefined } = {},
  ): number {
    const loss = this.#requireLoss("partialFit", "pointwise", "use partialFitPairs");
    checkKeys("partialFit", options, ["sampleWeight"]);
    const place = "partialFit: ";
    const rows = checkLabeledRows(place, loss, x, y, options, this.#learner.knownClasses);
    return this.#learner.partialFit("partialFit", new LabeledRows(place, loss, rows));
  }

  /**
   * Takes one optimizer step on exactly these pairs, with a pairwise loss.
   *
   * @param positives The better row of each pair, (pairs).
   * @param negatives The worse row of each pair, (pairs).
   * @returns The mean loss before the step.
   * @throws TypeError, RangeError or Error that names the place. Nothing has changed then.
   */
  partialFitPairs<T extends object & FeatureRow<T>>(positives: RowsOf<T>, negatives: RowsOf<T>): number {
    const loss = this.#requireLoss("partialFitPairs", "pairwise", "use partialFit");
    const pairs = new Pairs("partialFitPairs: ", loss, positives, negatives);
    return this.#learner.partialFit("partialFitPairs", pairs);
  }

  /**
   * Predicts one row or several rows.
   *
   * @param x One row (a feature map or a sparse vector), or rows. Features that were not in the training data
   *   contribute nothing.
   * @param options See `PredictOptions`.
   * @returns A number for one row; a Float32Array for rows, (rows).
   * @throws TypeError or RangeError that names row and field; Error if the model has no parameters yet.
   */
  predict<C extends ColumnsObject>(x: C, options?: PredictOptions): PredictedColumns<C>;
  predict<T extends object & FeatureRow<T>>(x: RowsOf<T>, options?: PredictOptions): Float32Array;
  predict<T extends object & FeatureRow<T>>(
    x: FeatureMap | SparseVector | T,
    options?: PredictOptions,
  ): number;
  predict<T extends object & FeatureRow<T>>(
    x: RowsOf<T> | FeatureMap | SparseVector | T,
    options?: PredictOptions,
  ): number | Float32Array;
  predict(x: Rows | FeatureMap | SparseVector, options?: PredictOptions): number | Float32Array {
    return this.#learner.ready("predict").predict(x, options);
  }

  /**
   * Measures predictions against labels.
   *
   * @param x Rows, (rows).
   * @param y Labels, such as the loss accepts, (rows).
   * @param options See `EvaluateOptions`.
   * @returns The value of each metric by its name.
   * @throws TypeError, RangeError or Error that says what a metric needs.
   */
  evaluate<T extends object & FeatureRow<T>, const M extends Metric = Metric>(
    x: RowsOf<T>,
    y: Labels,
    options: EvaluateOptions<M> = {},
  ): Metric extends M ? Record<string, number> : Record<M, number> {
    const predictor = this.#learner.ready("evaluate");
    checkKeys("evaluate", options, ["metrics", "groups"]);
    const { metrics, groups } = options;
    if (metrics !== undefined) checkMetricNames("evaluate", metrics);
    const { loss } = this.#learner.settings;
    const rows = checkRows(x, "evaluate: x");
    const { targets } = readTargets("evaluate: y", loss, y, countRows(rows), predictor.labels.classes);
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
    const sparse = runAtOnce(readRows(rows, predictor, "evaluate: x"));
    return measureAll(chosen, { ...input, scores: runAtOnce(predictor.scoreExactly(sparse)) });
  }

  /**
   * Ranks candidates in a context, whose features all of them share. The sums of the context are computed
   * only once, so the time per candidate does not depend on its size. The scores have the same bits as those
   * of `predict` for rows with the features of the context first and those of the candidate behind them.
   * There is one exception: a factorization machine with a prepared catalog. There the error is at most 1e-6
   * times the largest intermediate number: w0, the linear sum, or one of the two sums of squares in
   * Bi-Interaction, times the factor of batch norm.
   *
   * Missing values: a field that some candidate has is missing in the candidates without it, every other
   * field is missing in a context without it. Features such as "price is missing" of absent fields come last
   * in their part; those of an explicit null keep its place. So `predict` of a joined map `{ ...context,
   * ...candidate }` gives the same bits if no such field is absent. Else it adds up in another order, with
   * the error above.
   *
   * @param context The features that all candidates share: a feature map or a sparse vector. If context and
   *   candidate have the same feature, its values are added, and the candidate is scored more slowly. So
   *   leave the features of the context out of the candidates.
   * @param candidates Rows, or the result of `prepare`.
   * @param options See `RankOptions`.
   * @returns The best candidates by raw score, best first. Candidates with equal scores keep their order.
   * @throws TypeError or RangeError that names row and field.
   */
  rank<C extends object & FeatureRow<C>, T extends object & FeatureRow<T>>(
    context: FeatureMap | SparseVector | C,
    candidates: RowsOf<T> | Catalog,
    options: RankOptions = {},
  ): Ranked[] {
    return this.#learner.ready("rank").rank(context as FeatureMap, candidates as Rows, options);
  }

  /**
   * Encodes candidates once, so that they can be ranked many times.
   *
   * @param candidates At least one row.
   * @returns A catalog for `rank`.
   * @throws TypeError or RangeError that names row and field.
   */
  prepare<T extends object & FeatureRow<T>>(candidates: RowsOf<T>): Catalog {
    return this.#learner.ready("prepare").prepare(candidates as Rows);
  }

  /**
   * Explains a score by parts whose sum is the score. Without hidden layers the parts are the terms of the
   * factorization machine. With hidden layers, the difference f(BI(Vx)) - f(0) is divided among the pairs of
   * features by integrated gradients (Sundararajan et al. 2017): pair (i, j) gets x_i x_j sum_d v_id v_jd
   * G_d, where G is the mean gradient of f on the line from 0 to BI(Vx). The sum of the parts is the raw
   * score in float64. It differs from the float32 score of `predict` by about 1e-4, or by more if feature
   * values are in the thousands, because float32 then loses digits in differences of large squares. Time and
   * size of the result are quadratic in the number of features of the row.
   *
   * @param x A feature map or a sparse vector with at most 2,000 features.
   * @returns The parts, the largest by magnitude first.
   * @throws Error if the model has layers of your own, because their gradient in prediction is not known;
   *   RangeError for a row with more features.
   */
  explain<T extends object & FeatureRow<T>>(x: FeatureMap | SparseVector | T): Explanation {
    return this.#learner.ready("explain").explain(x as FeatureMap);
  }

  /**
   * Takes V, w and w0 of a trained factorization machine as initial values, and its vocabulary with them
   * (pre-training, He & Chua 2017, section 4.3.1). Every `fit` without `resume` starts from these values. A
   * model file does not contain them: after `load`, such a `fit` starts from random values.
   *
   * @param fm A trained model with the same `embeddingDim`.
   * @returns This model.
   * @throws Error if this model has been trained already; RangeError if the sizes differ.
   */
  initFrom(fm: NFM): this {
    if (!isNFM(fm)) throw wrongType("initFrom: fm", "an NFM", fm);
    this.#learner.initFrom(fm.#learner);
    return this;
  }

  /**
   * Writes the model as a safetensors file (https://github.com/huggingface/safetensors).
   *
   * @param options.optimizer Whether the file has the optimizer's state, so that training can continue
   *   exactly. Default: false.
   * @returns The bytes of the file.
   * @throws Error if the model has no parameters yet.
   */
  save(options: { optimizer?: boolean | undefined } = {}): Uint8Array {
    checkKeys("save", options, ["optimizer"]);
    if (options.optimizer !== undefined) checkBoolean("save: optimizer", options.optimizer);
    return this.#learner.save(options.optimizer ?? false);
  }

  /**
   * Writes the model as `save` does, piece by piece, so that a large file is never in memory. The stream ends
   * with an error if the model changes before it has been read.
   *
   * @param options As for `save`.
   * @returns The bytes of the file.
   * @throws Error if the model has no parameters yet.
   * @example
   * await writeFile("model.safetensors", model.saveStream());
   */
  saveStream(options: { optimizer?: boolean | undefined } = {}): ReadableStream<Uint8Array> {
    checkKeys("saveStream", options, ["optimizer"]);
    const { optimizer = false } = options;
    return this.#learner.saveStream(checkBoolean("saveStream: optimizer", optimizer));
  }

  /**
   * Reads a model file, written by `save` or by PyTorch.
   *
   * @param bytes The file: a Uint8Array (or `Buffer`), an ArrayBuffer, a SharedArrayBuffer or a DataView.
   * @param overrides An optimizer, backend, loss or layers that replace the saved ones. A loss or layers of
   *   your own must be passed, because a file cannot contain them.
   * @returns The model.
   * @throws Error, TypeError or RangeError that says what is wrong with the file.
   */
  static load(bytes: ModelBytes, overrides: LoadOverrides = {}): NFM {
    checkKeys("load", overrides, ["optimizer", ...LOAD_KEYS]);
    const learner = Learner.load(bytes, overrides);
    const model = new this();
    model.#learner = learner;
    return model;
  }

  /**
   * Reads a model file as `load` does, piece by piece. A large file then does not have to be in memory beside
   * the model.
   *
   * @param stream The file: a web stream, a Node stream, a Blob, or any iterable of Uint8Arrays.
   * @param overrides As for `load`.
   * @returns The model.
   * @throws Error, TypeError or RangeError that says what is wrong with the file; what reading throws.
   * @example
   * const model = await NFM.loadStream(createReadStream("model.safetensors"));
   */
  static async loadStream(stream: ModelStream, overrides: LoadOverrides = {}): Promise<NFM> {
    return (await this.streamed(stream, overrides)).model;
  }

  /** @internal As `loadStream`, with the strings and the bytes of the file. */
  static async streamed(
    stream: ModelStream,
    overrides: LoadOverrides,
  ): Promise<{
    model: NFM;
    metadata: ReadonlyMap<string, string>;
    blobs: ReadonlyMap<string, Uint8Array>;
  }> {
    checkKeys("loadStream", overrides, ["optimizer", ...LOAD_KEYS]);
    const { learner, file, blobs } = await Learner.loadStream(stream, overrides);
    const model = new this();
    model.#learner = learner;
    return { model, metadata: file.metadata, blobs };
  }

  /** What the model knows about each field of feature maps; empty before `fit`, and for sparse rows. */
  get fields(): readonly FieldInfo[] {
    return this.#learner.predictor?.fields ?? [];
  }

  /** The kernels that run: WebAssembly SIMD or plain JavaScript. */
  get backend(): "wasm" | "js" {
    return this.#learner.backend;
  }

  /**
   * Number of threads that compute long work. It is less than the option `threads` where threads cannot share
   * memory, and becomes 1 if no worker can start.
   */
  get threads(): number {
    return this.#learner.threads;
  }

  /**
   * Ends the worker threads, if there are any. The model can still be used: its next long work starts others.
   * A model that is garbage-collected ends them as well, and they do not keep a process alive.
   */
  close(): void {
    this.#learner.predictor?.close();
  }

  /** Does what `close` does, at the end of a block with `using model = ...`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Number of features; 0 while it is not known. */
  get numFeatures(): number {
    return this.#learner.predictor?.numFeatures ?? this.#learner.settings.numFeatures ?? 0;
  }

  /** Number of trainable numbers; 0 while the number of features is not known. */
  get numParameters(): number {
    return this.#learner.numParameters;
  }

  /** The encoder of the model, whose vocabulary can no longer change; null for a model of sparse rows. */
  get encoder(): FeatureEncoder | null {
    const { predictor, settings } = this.#learner;
    return predictor === null ? settings.encoder : (predictor.encoder as FeatureEncoder | null);
  }

  /**
   * The two strings that the labels of training were, the negative class first: they are sorted by their code
   * units. `predict` gives the probability (log loss) or the score (hinge loss) of the second one. Null if
   * the labels were numbers or booleans, or if nothing is trained yet.
   */
  get classes(): Classes | null {
    return this.#learner.knownClasses ?? null;
  }

  /** The history of the last `fit` that did not fail; null before. */
  get history(): History | null {
    return this.#learner.history;
  }

  /**
   * Copies a parameter.
   *
   * @param name Name in the model file, such as "embedding.weight".
   * @returns Its shape in PyTorch, and its numbers row by row.
   * @throws RangeError if there is no such parameter; Error if the model has no parameters yet.
   */
  tensor(name: string): { shape: readonly number[]; data: Float32Array } {
    return this.#learner.ready("tensor").tensor(name);
  }

  /**
   * Summarizes the model. The summary is not enough to restore it: `save` writes the whole model.
   *
   * @returns The options and sizes.
   */
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

  /** Returns the loss if it is of a kind. Throws otherwise. */
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

  /**
   * @internal Gives `Recommender` access to the part of a model that trains it.
   *
   * @param model The model.
   * @returns Its learner.
   */
  static learnerOf(model: NFM): Learner {
    return model.#learner;
  }
}

/**
 * Is outside the class, because a bundler renames a class that mentions itself. `NFM.name` would then change.
 */
function isNFM(value: unknown): value is NFM {
  return value instanceof NFM;
}
