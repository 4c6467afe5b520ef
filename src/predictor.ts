// A model that predicts: the parameters, the network of prediction with its folded layers, the encoder and
// the link function. `NFM` and `Recommender` use this class for every prediction. Nothing here trains.

import { checkBoolean, checkChoice, checkInteger, checkKeys, wrongValue } from "./core/errors.ts";
import { runAtOnce } from "./core/event-loop.ts";
import { type NoticeOptions, type Notices, readNotices } from "./core/notices.ts";
import { INSPECT, type Inspect, showSummary } from "./core/summary.ts";
import { toPacked } from "./core/tensor.ts";
import { type CheckedRows, copyRows, countRows } from "./data/checked-rows.ts";
import { CSRBuilder } from "./data/csr-builder.ts";
import { Encoder } from "./data/encoder.ts";
import type { FeatureMap, FeatureRow } from "./data/feature-map.ts";
import type { FieldInfo } from "./data/fields.ts";
import type { Classes } from "./data/labels.ts";
import {
  type ColumnsObject,
  checkRows,
  type FeatureSpace,
  isRows,
  type PredictedColumns,
  type RowsOf,
  readRow,
  readRows,
} from "./data/rows.ts";
import type { SparseRows, SparseVector } from "./data/sparse-row.ts";
import { attribute, type Explanation, nameParts } from "./explain/explain.ts";
import { Memory } from "./kernels/memory.ts";
import { readThreads, type ThreadOptions } from "./kernels/threads/thread-options.ts";
import type { Layer } from "./layers/layer.ts";
import { type Link, type LossName, linkOf, savedLoss } from "./links.ts";
import type { Loss } from "./losses.ts";
import { architectureFromJSON, FILE_RATES, readArchitecture } from "./model/architecture.ts";
import type { ModelBytes } from "./model/bytes.ts";
import { predictionNetwork } from "./model/folded-layers.ts";
import { type LabelInfo, labelsFromJSON } from "./model/label-unit.ts";
import {
  CONFIG_PLACE,
  checkFitted,
  checkTensors,
  loadParameters,
  type ModelFile,
  readModelFile,
} from "./model/model-file.ts";
import { checkNumbers, type ModelStream, openModelStream, targetsOf } from "./model/model-stream.ts";
import type { Network } from "./model/network.ts";
import { listParameters, Parameters } from "./model/parameters.ts";
import { scoreRows } from "./model/scoring.ts";
import { Catalog } from "./ranking/catalog.ts";
import { selectTop } from "./ranking/top.ts";

/**
 * The kernels to use. "auto" takes WebAssembly SIMD if the engine can run it, and plain JavaScript otherwise.
 */
export type BackendName = "auto" | "wasm" | "js";

/** Options of `Predictor.load`. */
export interface PredictorOptions extends NoticeOptions, ThreadOptions {
  /** The kernels to use. Every backend computes the same bits. Default: "auto". */
  backend?: BackendName | undefined;
  /** Takes the place of the saved loss; needed for a loss of your own. Default: the saved one. */
  loss?: LossName | Loss | undefined;
  /** Takes the place of the saved layers; needed if one is your own. Default: the saved ones. */
  layers?: readonly Layer[] | undefined;
}

/** Options of `predict`. */
export interface PredictOptions {
  /**
   * Whether to return the raw score instead of the prediction. They differ for the log loss, whose prediction
   * is a probability. Default: false.
   */
  raw?: boolean | undefined;
}

/** Options of `rank`. */
export interface RankOptions {
  /** Largest number of candidates to return, at least 1. Default: all. */
  top?: number | undefined;
}

/** A ranked candidate. */
export interface Ranked {
  /** Position of the candidate in the rows that were passed, from 0. */
  readonly index: number;
  /** The prediction for context and candidate together. */
  readonly score: number;
}

/** A short summary of a predictor, as `JSON.stringify` and `console.log` show it. */
export interface PredictorSummary {
  /** Length of a feature's embedding. */
  readonly embeddingDim: number;
  /** Kinds of the layers, in their order. */
  readonly layers: readonly string[];
  readonly numFeatures: number;
  readonly backend: "wasm" | "js";
}

/** The names of the options of `Predictor.load`. */
export const LOAD_KEYS: readonly string[] = [
  ...["backend", "threads", "workerUrl"],
  ...["loss", "layers", "onNotice", "notices"],
];

/** Most features of a row that `explain` takes, since it lists every pair of them. */
const MAX_EXPLAINED = 2000;

/**
 * A trained model that can only predict. It loads the files of `NFM.save` and computes the same bits as
 * `NFM`.
 *
 * @example
 * import { Predictor } from "neural-fm/predict";
 * const model = Predictor.load(await readFile("model.safetensors"));
 * model.predict({ user: "ana", item: "tea" });
 */
export class Predictor {
  /** Turns feature maps into sparse rows; null for a model of sparse rows. */
  readonly encoder: Encoder | null;
  /** @internal The network of prediction. */
  readonly network: Network;
  /** @internal Maps scores to predictions; null if scores are predictions. */
  readonly link: Link;
  /** @internal Where notices go. */
  readonly notices: Notices;
  /** @internal What the model knows about its labels. */
  readonly labels: LabelInfo;
  readonly #row = new CSRBuilder();

  /** @internal Asks for the buffers of prediction; `allocate` gets them, together with the parameters. */
  constructor(
    parameters: Parameters,
    encoder: Encoder | null,
    link: Link,
    notices: Notices,
    labels: LabelInfo,
  ) {
    if (!(parameters instanceof Parameters)) throw new TypeError("Predictor: use Predictor.load(bytes)");
    this.encoder = encoder;
    this.link = link;
    this.notices = notices;
    this.labels = labels;
    this.network = predictionNetwork(parameters, labels.unit);
  }

  /** @internal Gets the memory that was asked for. */
  allocate(): void {
    this.network.reserve(1, 16);
  }

  /**
   * Reads a model file, written by `NFM.save` or by PyTorch.
   *
   * @param bytes The file: a Uint8Array (or `Buffer`), an ArrayBuffer, a SharedArrayBuffer or a DataView.
   * @param options See `PredictorOptions`.
   * @returns The model.
   * @throws Error, TypeError or RangeError that says what is wrong with the file.
   */
  static load(bytes: ModelBytes, options: PredictorOptions = {}): Predictor {
    checkKeys("load", options, LOAD_KEYS);
    const file = readModelFile(bytes);
    const predictor = emptyModel(this, file, options, "load");
    loadParameters(predictor.network.parameters, file);
    return predictor;
  }

  /**
   * Reads a model file as `load` does, piece by piece. A large file then does not have to be in memory beside
   * the model.
   *
   * @param stream The file: a web stream, a Node stream, a Blob, or any iterable of Uint8Arrays.
   * @param options See `PredictorOptions`.
   * @returns The model.
   * @throws Error, TypeError or RangeError that says what is wrong with the file; what reading throws.
   * @example
   * const model = await Predictor.loadStream((await fetch("model.safetensors")).body);
   */
  static async loadStream(stream: ModelStream, options: PredictorOptions = {}): Promise<Predictor> {
    return (await this.streamed(stream, options)).predictor;
  }

  /** @internal As `loadStream`, with the strings and the bytes of the file. */
  static async streamed(
    stream: ModelStream,
    options: PredictorOptions,
  ): Promise<{
    predictor: Predictor;
    metadata: ReadonlyMap<string, string>;
    blobs: ReadonlyMap<string, Uint8Array>;
  }> {
    checkKeys("loadStream", options, LOAD_KEYS);
    const { file, fill } = await openModelStream(stream);
    const predictor = emptyModel(this, file, options, "loadStream");
    const { parameters } = predictor.network;
    const blobs = await fill(targetsOf(parameters), checkNumbers);
    parameters.markChanged();
    return { predictor, metadata: file.metadata, blobs };
  }

  /**
   * Predicts one row or several rows.
   *
   * @param x One row (a feature map or a sparse vector), or rows. Features that were not in the training data
   *   contribute nothing.
   * @param options See `PredictOptions`.
   * @returns A number for one row; a Float32Array for rows, (rows).
   * @throws TypeError or RangeError that names row and field.
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
  predict(x: unknown, options: PredictOptions = {}): number | Float32Array {
    checkKeys("predict", options, ["raw"]);
    if (options.raw !== undefined) checkBoolean("predict: raw", options.raw);
    const link = options.raw ? null : this.link;
    if (!isRows(x, this.encoder, "predict: x")) {
      const score = this.network.scoreRow(this.#readRow(x, "predict: x"));
      return link ? Math.fround(link(score)) : score;
    }
    const scores = this.score(checkRows(x, "predict: x"), "predict: x");
    return link ? scores.map((score) => link(score)) : scores;
  }

  /**
   * @internal Scores rows.
   *
   * @param x The rows.
   * @param place What errors call x.
   * @returns Raw scores, (rows).
   */
  score(x: CheckedRows, place: string): Float32Array {
    const rows = runAtOnce(readRows(x, this, place));
    return runAtOnce(this.scoreSparse(rows));
  }

  /**
   * @internal Scores sparse rows. Yields after each batch.
   *
   * @param rows The rows.
   * @returns Raw scores, (rows).
   */
  scoreSparse(rows: SparseRows): Generator<void, Float32Array> {
    return scoreRows(this.network, rows, new Float32Array(rows.rows));
  }

  /**
   * @internal Scores sparse rows for metrics. Scores in the unit of the labels are not rounded to float32, so
   * that errors of large labels keep their digits. Yields after each batch.
   *
   * @param rows The rows.
   * @returns Raw scores, (rows).
   */
  scoreExactly(rows: SparseRows): Generator<void, Float64Array> {
    return scoreRows(this.network, rows, new Float64Array(rows.rows));
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
    checkKeys("rank", options, ["top"]);
    const top = checkInteger("rank: top", options.top ?? Number.MAX_SAFE_INTEGER, 1);
    const isPrepared = candidates instanceof Catalog;
    const rows = isPrepared ? candidates.rows : checkRows(candidates, "rank: candidates");
    if (countRows(rows) === 0) {
      this.#readRow(context, "rank: context");
      return [];
    }
    const catalog = isPrepared ? candidates : new Catalog(rows, "rank: candidates");
    const row = this.#readRow(context, "rank: context", catalog.contextSpace(this));
    const scores = catalog.score(this.network, this, row, !isPrepared);
    return Array.from(selectTop(scores, top), (index) => ({
      index,
      score: this.predictionOf(scores[index]),
    }));
  }

  /**
   * @internal Maps a raw score to a prediction.
   *
   * @param score The raw score.
   * @returns The prediction, a float32.
   */
  predictionOf(score: number): number {
    return this.link ? Math.fround(this.link(score)) : score;
  }

  /**
   * Encodes candidates once, so that they can be ranked many times.
   *
   * @param candidates At least one row.
   * @returns A catalog for `rank`.
   * @throws TypeError or RangeError that names row and field.
   */
  prepare<T extends object & FeatureRow<T>>(candidates: RowsOf<T>): Catalog {
    const catalog = new Catalog(
      copyRows(checkRows(candidates, "prepare: candidates")),
      "prepare: candidates",
    );
    runAtOnce(catalog.encode(this));
    return catalog;
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
    const { indptr, indices, values } = this.#readRow(x, "explain: x");
    const end = indptr[1];
    if (end > MAX_EXPLAINED) {
      const expected = `explain: x must have at most ${MAX_EXPLAINED} features, whose pairs are listed`;
      throw new RangeError(`${expected}, got ${end}`);
    }
    const entries = indices.slice(0, end);
    const attribution = attribute(this.network, entries, values && values.slice(0, end));
    return nameParts(attribution, entries, (index) => this.nameOf(index));
  }

  /** @internal Returns the name of a feature; "#17" without an encoder. */
  nameOf(index: number): string {
    const { encoder } = this;
    return encoder !== null && index < encoder.numFeatures ? encoder.name(index) : `#${index}`;
  }

  /** Reads one row. The next call overwrites the result. */
  #readRow(x: unknown, place: string, space: FeatureSpace = this): SparseRows {
    this.#row.clear();
    readRow(this.#row, x, space, place);
    return this.#row;
  }

  /**
   * The two strings that the labels of training were, the negative class first; null: numbers. `predict`
   * gives the probability (log loss) or the score (hinge loss) of the second one.
   */
  get classes(): Classes | null {
    return this.labels.classes;
  }

  /** What is known about each field of feature maps; empty for a model of sparse rows. */
  get fields(): readonly FieldInfo[] {
    return this.encoder?.fields ?? [];
  }

  /** Number of features N. */
  get numFeatures(): number {
    return this.network.parameters.numFeatures;
  }

  /** The kernels that run: WebAssembly SIMD or plain JavaScript. */
  get backend(): "wasm" | "js" {
    return this.network.parameters.memory.backend;
  }

  /**
   * Number of threads that compute long work. It is less than the option `threads` where threads cannot share
   * memory, and becomes 1 if no worker can start.
   */
  get threads(): number {
    return this.network.parameters.memory.threads;
  }

  /**
   * Ends the worker threads, if there are any. The model can still be used: its next long work starts others.
   * A model that is garbage-collected ends them as well, and they do not keep a process alive.
   */
  close(): void {
    this.network.parameters.memory.close();
  }

  /** Does what `close` does, at the end of a block with `using model = ...`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Copies a parameter.
   *
   * @param name Name in the model file, such as "embedding.weight".
   * @returns Its shape in PyTorch, and its numbers row by row.
   * @throws RangeError if there is no such parameter.
   */
  tensor(name: string): { shape: readonly number[]; data: Float32Array } {
    const { parameters } = this.network;
    const found = parameters.all.find((parameter) => parameter.name === name);
    if (!found)
      throw wrongValue("tensor: name", `one of ${parameters.all.map(({ name }) => name).join(", ")}`, name);
    return { shape: parameters.shapeOf(found), data: toPacked(found.value, found.transposed) };
  }

  /** A short summary; the model itself is what `NFM.save` writes. */
  toJSON(): PredictorSummary {
    const { numFeatures, backend } = this;
    const { embeddingDim, layers } = this.network.parameters;
    return { embeddingDim, layers: layers.map(({ layer }) => layer.type), numFeatures, backend };
  }

  /** @internal What `console.log` shows in Node. */
  [INSPECT](_depth: number, _options: unknown, inspect?: Inspect): string {
    return showSummary("Predictor", this.toJSON(), inspect);
  }
}

/** Makes the model of a file, without its numbers. */
function emptyModel(
  make: typeof Predictor,
  file: ModelFile,
  options: PredictorOptions,
  caller: string,
): Predictor {
  const encoder = file.encoder === undefined ? null : Encoder.fromJSON(file.encoder);
  if (encoder !== null) checkFitted(encoder);
  const { embeddingDim, layers } = readArchitecture(
    architectureFromJSON(file.config, options.layers, CONFIG_PLACE),
    CONFIG_PLACE,
    FILE_RATES,
  );
  const numFeatures = checkInteger(`${CONFIG_PLACE}: numFeatures`, file.config.numFeatures, 1, 2 ** 32 - 1);
  if (encoder !== null && encoder.numFeatures > numFeatures) {
    throw wrongValue(
      `${CONFIG_PLACE}: numFeatures`,
      `at least that of the encoder (${encoder.numFeatures})`,
      numFeatures,
    );
  }
  const loss = savedLoss(file.config, options.loss, CONFIG_PLACE);
  const labels = labelsFromJSON(file.labels);
  const architecture = { numFeatures, embeddingDim, layers };
  checkTensors(file, listParameters(architecture));
  const backend = checkChoice(`${caller}: backend`, options.backend ?? "auto", ["auto", "wasm", "js"]);
  const parameters = new Parameters(architecture, new Memory(backend, readThreads(options, caller)));
  const predictor = new make(parameters, encoder, linkOf(loss), readNotices(options, caller), labels);
  predictor.allocate();
  return predictor;
}
