// Candidates that are ranked many times. They are encoded once. The sums of the context are computed once per
// ranking, and the sums of each candidate start from them, so the score has the same bits as for one joined
// row. In a factorization machine (Rendle 2010) a candidate costs one dot product. Let S, Q be the context's
// sums of t = x v and of t t, and s, q those of the candidate. Then BI = 1/2 (S S - Q) + S s + 1/2 (s s - q),
// and the last term depends on the candidate alone.

import { runAtOnce } from "../core/event-loop.ts";
import type { Tensor } from "../core/tensor.ts";
import { type CheckedRows, countRows, fieldsOf } from "../data/checked-rows.ts";
import { type FeatureSpace, readRows } from "../data/rows.ts";
import type { SparseRows } from "../data/sparse-row.ts";
import { addToSums } from "../kernels/js/bi-interaction.ts";
import type { Memory } from "../kernels/memory.ts";
import { type Affine, affineOf } from "../model/folded-layers.ts";
import { copyScores } from "../model/label-unit.ts";
import type { Network } from "../model/network.ts";
import { scoreJoined, scoreRows } from "../model/scoring.ts";

/**
 * Largest size of the candidates' sums in bytes. Above it, a factorization machine ranks like any other
 * model.
 */
const MAX_SUMS = 2 ** 30;

/**
 * Candidates that `prepare` has encoded for `rank`. After more training or a new fit of the model, the next
 * use of the catalog updates it. For a factorization machine it keeps 4 k bytes per candidate, with k the
 * embedding dimension.
 */
export class Catalog {
  /** @internal */
  readonly rows: CheckedRows;
  /** @internal */
  readonly place: string;
  /** Number of candidates. */
  readonly size: number;
  #encoder: FeatureSpace["encoder"] = null;
  /** What `#changes()` was when the candidates were encoded. */
  #encodedAt = 0;
  #encoded: SparseRows | null = null;
  /** For each feature, 1 if a candidate has it. Computed when first needed. */
  #features: Uint8Array | null = null;
  /** The fields that the candidates have. Listed when first needed. */
  #fields: ReadonlySet<string> | null = null;
  readonly #scores: Float32Array;
  #dots: DotProducts | null = null;

  /**
   * @internal
   *
   * @param rows The candidates, at least one.
   * @param place What errors call the candidates.
   * @throws RangeError if there is no candidate.
   */
  constructor(rows: CheckedRows, place: string) {
    this.size = countRows(rows);
    if (this.size === 0) throw new RangeError(`${place} must hold at least one row, got none`);
    this.rows = rows;
    this.place = place;
    this.#scores = new Float32Array(this.size);
  }

  /**
   * @internal Encodes the candidates, unless they are encoded for this space already. Yields now and then.
   *
   * @param space The features of the model.
   * @returns The candidates as sparse rows, (size).
   * @throws TypeError or RangeError that names row and field.
   */
  *encode(space: FeatureSpace): Generator<void, SparseRows> {
    const { encoder, numFeatures } = space;
    const known = this.#encoded;
    const changes = this.#changes(encoder);
    const isSame = this.#encoder === encoder && this.#encodedAt === changes;
    if (known !== null && isSame && numFeatures !== null && known.cols <= numFeatures) return known;
    const encoded = yield* readRows(this.rows, this.#partOf(space, true), this.place);
    this.#encoder = encoder;
    this.#encodedAt = changes;
    if (encoded === known) return encoded;
    this.#features = null;
    this.#dots = null;
    this.#encoded = encoded;
    return encoded;
  }

  /**
   * @internal Says how contexts of these candidates are read. Fields that the candidates have are not missing
   *   in a context.
   *
   * @param space The features of the model.
   * @returns The same features, for contexts.
   */
  contextSpace(space: FeatureSpace): FeatureSpace {
    return this.#partOf(space, false);
  }

  #partOf(space: FeatureSpace, ofCandidates: boolean): FeatureSpace {
    const { encoder, numFeatures, notices, inspect } = space;
    if (!encoder?.hasIndicators) return space;
    const fields = this.#fieldNames();
    return {
      encoder,
      numFeatures,
      notices,
      inspect,
      isExpected: (field) => fields.has(field) === ofCandidates,
    };
  }

  /** Counts how often levels of the candidates' fields have come or gone. */
  #changes(encoder: FeatureSpace["encoder"]): number {
    // `fieldsOf` takes a number for an index, but for an encoder it is the name of a field.
    return encoder?.changesOf((field) => this.#fieldNames().has(field) || /^\d+$/.test(field)) ?? 0;
  }

  #fieldNames(): ReadonlySet<string> {
    this.#fields ??= new Set(fieldsOf(this.rows));
    return this.#fields;
  }

  /**
   * @internal Computes the raw score of every candidate in a context.
   *
   * @param network The network of prediction.
   * @param space The features of the model.
   * @param context Sparse rows, whose row 0 is the context.
   * @param once Whether the catalog is used only this time. Then the sums of a factorization machine are not
   *   computed, because they would be used only once. Default: false.
   * @returns The scores, (size). The next call overwrites them.
   */
  score(network: Network, space: FeatureSpace, context: SparseRows, once: boolean = false): Float32Array {
    const encoded = runAtOnce(this.encode(space));
    const scores = this.#scores;
    network.update();
    const affine = once ? null : affineOf(network.stages, network.parameters.embeddingDim);
    const dots = affine && this.#dotsFor(encoded, network);
    if (affine && dots) dots.score(network, affine, context, scores);
    else runAtOnce(scoreRows(network, encoded, scores, context));
    if (once || this.#mayShare(encoded, context)) {
      const shared = rowsWith(encoded, context);
      if (shared.length > 0) scoreJoined(network, context, encoded, shared, scores, this.place);
    }
    return scores;
  }

  /** Returns the sums of a factorization machine; null if there is not enough memory for them. */
  #dotsFor(encoded: SparseRows, { parameters }: Network): DotProducts | null {
    const { embeddingDim } = parameters;
    if (this.#dots?.embeddingDim === embeddingDim) return this.#dots;
    if (encoded.rows * embeddingDim * 4 > MAX_SUMS) return null;
    try {
      this.#dots = new DotProducts(encoded, embeddingDim, parameters.memory.fork());
    } catch {
      return null;
    }
    return this.#dots;
  }

  /** Says whether some candidate has a feature of the context. */
  #mayShare(encoded: SparseRows, { indptr, indices }: SparseRows): boolean {
    this.#features ??= featuresOf(encoded);
    for (let p = indptr[0]; p < indptr[1]; p++) if (this.#features[indices[p]] === 1) return true;
    return false;
  }
}

/**
 * Marks the features of rows.
 *
 * @param rows Sparse rows.
 * @returns 1 for each feature that has an entry, else 0; (largest feature + 1).
 */
export function featuresOf({ rows, indptr, indices }: SparseRows): Uint8Array {
  let size = 0;
  for (let p = 0; p < indptr[rows]; p++) if (indices[p] >= size) size = indices[p] + 1;
  const flags = new Uint8Array(size);
  for (let p = 0; p < indptr[rows]; p++) flags[indices[p]] = 1;
  return flags;
}

/** Lists the rows that have a feature of the context. */
function rowsWith({ rows, indptr, indices }: SparseRows, context: SparseRows): Uint32Array {
  const features = new Set(context.indices.subarray(context.indptr[0], context.indptr[1]));
  const found: number[] = [];
  for (let i = 0; i < rows; i++) {
    for (let p = indptr[i]; p < indptr[i + 1]; p++) {
      if (!features.has(indices[p])) continue;
      found.push(i);
      break;
    }
  }
  return Uint32Array.from(found);
}

/** Scores the candidates of a factorization machine by one dot product each. n candidates, K columns. */
class DotProducts {
  readonly embeddingDim: number;
  readonly #rows: SparseRows;
  readonly #memory: Memory;
  /** The sum s of each candidate, (n, K). */
  readonly #sums: Tensor;
  /** The part of each score that depends on the candidate alone, (n, 1). */
  readonly #own: Tensor;
  /** The scores of the last ranking, (n, 1). */
  readonly #scores: Tensor;
  /** The part of all scores that depends on the context alone, (1, 1). */
  readonly #bias: Tensor;
  /** The vector that s is multiplied with, (1, K): S times the factor of batch norm. */
  readonly #factor: Tensor;
  /** The version of the parameters from which the sums were computed. */
  #madeFor: { readonly parameters: Network["parameters"]; readonly version: number } | null = null;

  constructor(rows: SparseRows, embeddingDim: number, memory: Memory) {
    this.embeddingDim = embeddingDim;
    this.#rows = rows;
    this.#memory = memory;
    this.#sums = memory.allocate(rows.rows, embeddingDim, { lasting: true });
    this.#own = memory.allocate(rows.rows, 1, { stride: 1, lasting: true });
    this.#scores = memory.allocate(rows.rows, 1, { stride: 1 });
    this.#bias = memory.allocate(1, 1);
    this.#factor = memory.allocate(1, embeddingDim);
    memory.commit();
  }

  score(network: Network, { factor, offset }: Affine, context: SparseRows, scores: Float32Array): void {
    const { parameters } = network;
    if (this.#madeFor?.parameters !== parameters || this.#madeFor.version !== parameters.version) {
      this.#sum(parameters, factor);
      this.#madeFor = { parameters, version: parameters.version };
    }
    network.reserve(1, context.indptr[1] - context.indptr[0]);
    const { linear, sums, squares } = network.contextOf(context);
    let own = parameters.bias.value.data[0] + linear.data[0];
    for (let j = 0; j < factor.length; j++) {
      const s = sums.data[j];
      own += (factor[j] * (s * s - squares.data[j])) / 2 + offset[j];
      this.#factor.data[j] = factor[j] * s;
    }
    this.#bias.data[0] = own;
    const { kernels } = this.#memory;
    kernels.scoreForward(this.#scores, this.#bias, this.#own, this.#sums, this.#factor, 0, this.#rows.rows);
    copyScores(network.unit, this.#scores.data, this.#rows.rows, scores, 0);
  }

  /** Computes the sums of all candidates, in float64. */
  #sum({ linear, embedding }: Network["parameters"], factor: Float64Array): void {
    const { rows, indptr, indices, values } = this.#rows;
    const { cols } = embedding.value;
    const [s, q] = [new Float64Array(cols), new Float64Array(cols)];
    for (let i = 0; i < rows; i++) {
      s.fill(0);
      q.fill(0);
      let own = 0;
      for (let p = indptr[i]; p < indptr[i + 1]; p++) {
        const x = values === null ? 1 : values[p];
        own += x * linear.value.data[indices[p]];
        addToSums(s, q, embedding.value, indices[p], x);
      }
      for (let j = 0; j < cols; j++) own += (factor[j] * (s[j] * s[j] - q[j])) / 2;
      this.#own.data[i] = own;
      this.#sums.data.set(s, i * this.#sums.stride);
    }
  }
}
