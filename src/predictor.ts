// A model that predicts: parameters, the network of prediction with its folded layers, the encoder and the
// link function. Everything that predicts uses this class - also `NFM`, which trains one, and `Recommender` -
// and nothing here trains.

import { checkBoolean, checkChoice, checkInteger, checkKeys, wrongValue } from "./core/errors.ts";
import { runAtOnce } from "./core/event-loop.ts";
import { INSPECT, type Inspect, showSummary } from "./core/summary.ts";
import { toPacked } from "./core/tensor.ts";
import { CSRBuilder } from "./data/csr-builder.ts";
import { Encoder } from "./data/encoder.ts";
import type { FeatureMap, FeatureRow } from "./data/feature-map.ts";
import {
  type CheckedRows,
  checkRows,
  copyRows,
  countRows,
  type FeatureSpace,
  isRows,
  type Rows,
  readRow,
  readRows,
} from "./data/rows.ts";
import type { SparseRows, SparseVector } from "./data/sparse-row.ts";
import { attribute, type Explanation, nameParts } from "./explain/explain.ts";
import { Memory } from "./kernels/memory.ts";
import type { Layer } from "./layers/layer.ts";
import { type Link, type LossName, linkOf, savedLoss } from "./links.ts";
import type { Loss } from "./losses.ts";
import { architectureFromJSON, readArchitecture } from "./model/architecture.ts";
import { predictionNetwork } from "./model/folded-layers.ts";
import {
  CONFIG_PLACE,
  checkFitted,
  checkTensors,
  loadParameters,
  readModelFile,
} from "./model/model-file.ts";
import type { Network } from "./model/network.ts";
import { listParameters, Parameters } from "./model/parameters.ts";
import { scoreRows } from "./model/scoring.ts";
import { Catalog } from "./ranking/catalog.ts";
import { selectTop } from "./ranking/top.ts";

/** Which kernels run: "auto" takes WebAssembly SIMD where it runs, and plain JavaScript elsewhere. */
export type BackendName = "auto" | "wasm" | "js";

/** What a model file cannot hold, given again by whoever loads it. */
export interface PredictorOptions {
  /** Which kernels to use. Every backend computes the same bits. Default: "auto". */
  backend?: BackendName | undefined;
  /** Takes the place of the saved loss; needed for a loss of your own. Default: the saved one. */
  loss?: LossName | Loss | undefined;
  /** Takes the place of the saved layers; needed if one is your own. Default: the saved ones. */
  layers?: readonly Layer[] | undefined;
}

/** Options of `predict`. */
export interface PredictOptions {
  /**
   * Return the score itself instead of the loss's prediction (a probability for the log loss). Default:
   * false.
   */
  raw?: boolean | undefined;
}

/** Options of `rank`. */
export interface RankOptions {
  /** How many candidates to return, at least 1. Default: all. */
  top?: number | undefined;
}

/** A candidate in its place. */
export interface Ranked {
  /** Its position among the candidates. */
  readonly index: number;
  /** What `predict` gives for context and candidate together. */
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

/** Most features of a row that `explain` takes, since it lists every pair of them. */
const MAX_EXPLAINED = 2000;

/**
 * A trained model that only predicts. It loads what `NFM.save` wrote, and gives the same bits as `NFM`.
 *
 * @example
 * import { Predictor } from "neural-fm/predict";
 * const model = Predictor.load(await readFile("model.safetensors"));
 * model.predict({ user: "ana", item: "tea" });
 */
export class Predictor implements FeatureSpace {
  /** Turns feature maps into sparse rows; null for a model of sparse rows. */
  readonly encoder: Encoder | null;
  /** @internal */
  readonly network: Network;
  /** @internal From scores to predictions; null if scores are predictions. */
  readonly link: Link;
  readonly #row = new CSRBuilder();

  /** @internal Asks for the buffers of prediction; `allocate` gets them, together with the parameters. */
  constructor(parameters: Parameters, encoder: Encoder | null, link: Link) {
    if (!(parameters instanceof Parameters)) throw new TypeError("Predictor: use Predictor.load(bytes)");
    this.encoder = encoder;
    this.link = link;
    this.network = predictionNetwork(parameters);
  }

  /** @internal Gets the memory that was asked for. */
  allocate(): void {
    this.network.reserve(1, 16);
  }

  /**
   * Reads a model file, written by `NFM.save` or by PyTorch.
   *
   * @param bytes The file.
   * @param options What the file cannot hold.
   * @returns The model.
   * @throws Error, TypeError or RangeError that says what is wrong with the file.
   */
  static load(bytes: Uint8Array, options: PredictorOptions = {}): Predictor {
    checkKeys("load", options, ["backend", "loss", "layers"]);
    const file = readModelFile(bytes);
    const encoder = file.encoder === undefined ? null : Encoder.fromJSON(file.encoder);
    if (encoder !== null) checkFitted(encoder);
    const { embeddingDim, layers } = readArchitecture(
      architectureFromJSON(file.config, options.layers, CONFIG_PLACE),
      CONFIG_PLACE,
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
    const architecture = { numFeatures, embeddingDim, layers };
    checkTensors(file, listParameters(architecture));
    const backend = checkChoice("load: backend", options.backend ?? "auto", ["auto", "wasm", "js"]);
    const parameters = new Parameters(architecture, new Memory(backend));
    const predictor = new this(parameters, encoder, linkOf(loss));
    predictor.allocate();
    loadParameters(parameters, file);
    return predictor;
  }

  /**
   * Scores one row or many.
   *
   * @param x A feature map or sparse vector, or rows of them. Features never seen in training contribute
   *   nothing.
   * @param options See `PredictOptions`.
   * @returns A number for one row, a Float32Array (rows) for rows.
   * @throws TypeError or RangeError that names row and field.
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
  predict(x: unknown, options: PredictOptions = {}): number | Float32Array {
    checkKeys("predict", options, ["raw"]);
    if (options.raw !== undefined) checkBoolean("predict: raw", options.raw);
    const link = options.raw ? null : this.link;
    if (!isRows(x)) {
      const score = this.network.scoreRow(this.#readRow(x, "predict: x"));
      return link ? Math.fround(link(score)) : score;
    }
    const scores = this.score(checkRows(x, "predict: x"), "predict: x");
    return link ? scores.map((score) => link(score)) : scores;
  }

  /** @internal Raw scores of rows; (rows). */
  score(x: CheckedRows, place: string): Float32Array {
    const rows = runAtOnce(readRows(x, this, place));
    return runAtOnce(this.scoreSparse(rows));
  }

  /** @internal Raw scores of sparse rows, (rows); yields after each batch. */
  scoreSparse(rows: SparseRows): Generator<void, Float32Array> {
    return scoreRows(this.network, rows, new Float32Array(rows.rows));
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
    checkKeys("rank", options, ["top"]);
    const top = checkInteger("rank: top", options.top ?? Number.MAX_SAFE_INTEGER, 1);
    const row = this.#readRow(context, "rank: context");
    const isPrepared = candidates instanceof Catalog;
    const rows = isPrepared ? candidates.rows : checkRows(candidates, "rank: candidates");
    if (countRows(rows) === 0) return [];
    const catalog = isPrepared ? candidates : new Catalog(rows, "rank: candidates");
    const scores = catalog.score(this.network, this, row, !isPrepared);
    return Array.from(selectTop(scores, top), (index) => ({
      index,
      score: this.predictionOf(scores[index]),
    }));
  }

  /** @internal The prediction that a raw score stands for. */
  predictionOf(score: number): number {
    return this.link ? Math.fround(this.link(score)) : score;
  }

  /**
   * Encodes candidates once, for ranking them again and again.
   *
   * @param candidates At least one row.
   * @returns A catalog for `rank`.
   * @throws TypeError or RangeError that names row and field.
   */
  prepare<T extends FeatureRow<T>>(candidates: Rows | readonly T[]): Catalog {
    const catalog = new Catalog(
      copyRows(checkRows(candidates, "prepare: candidates")),
      "prepare: candidates",
    );
    runAtOnce(catalog.encode(this));
    return catalog;
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
    const { indptr, indices, values } = this.#readRow(x, "explain: x");
    const end = indptr[1];
    if (end > MAX_EXPLAINED) {
      const expected = `explain: x must have at most ${MAX_EXPLAINED} features, whose pairs are listed`;
      throw new RangeError(`${expected}, got ${end}`);
    }
    const entries = indices.slice(0, end);
    const attribution = attribute(this.network, entries, values && values.slice(0, end));
    return nameParts(attribution, entries, (index) => this.#nameOf(index));
  }

  #nameOf(index: number): string {
    const { encoder } = this;
    return encoder !== null && index < encoder.numFeatures ? encoder.name(index) : `#${index}`;
  }

  /** Reads one row. The result is overwritten by the next. */
  #readRow(x: unknown, place: string): SparseRows {
    this.#row.clear();
    readRow(this.#row, x, this, place);
    return this.#row;
  }

  /** Number of features. */
  get numFeatures(): number {
    return this.network.parameters.numFeatures;
  }

  /** Which kernels run. */
  get backend(): "wasm" | "js" {
    return this.network.parameters.memory.backend;
  }

  /**
   * A copy of a parameter.
   *
   * @param name Name in the model file, such as "embedding.weight".
   * @returns Its numbers row by row, in PyTorch's shape.
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
