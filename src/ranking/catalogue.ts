// Candidates that are ranked again and again: encoded once, and scored under a context whose own sums are computed once.
// A candidate's row goes on where the context's sums end, so its score is, bit for bit, that of the two rows in one. In a
// factorization machine a candidate costs one dot product: with S, Q the context's sums of t = x v and of t t, and s, q
// the candidate's, BI = 1/2 (S S - Q) + S s + 1/2 (s s - q), of which the last term belongs to the candidate alone.

import { runAtOnce } from "../core/cooperate.ts";
import type { CSRMatrix } from "../core/sparse.ts";
import { allocateTogether, type Tensor } from "../core/tensor.ts";
import type { RowView } from "../data/batches.ts";
import { countRows, readInput, type Input, type Reader } from "../data/input.ts";
import { featuresOf } from "../data/rows.ts";
import { affineOf, type Affine } from "../inference.ts";
import { chooseBackend } from "../kernels/backend.ts";
import type { Kernels } from "../kernels/kernels.ts";
import type { Network } from "../network.ts";
import type { Trainer } from "../training/trainer.ts";

/** Most bytes of sums. */
const MAX_SUMS = 2 ** 30;

/**
 * Candidates that have been encoded for `NFM.rank`, made by `NFM.prepare`. It follows the model: after more training, or
 * a fresh fit, what it holds is brought up to date on the next use. For a factorization machine it keeps 4 k bytes per
 * candidate.
 */
export class Catalogue {
  /** @internal */
  readonly input: Input;
  /** @internal */
  readonly place: string;
  /** Number of candidates. */
  readonly size: number;
  #encoder: Reader["encoder"] = null;
  #matrix: CSRMatrix | null = null;
  /** Flags of the features that candidates have, made when first needed. */
  #features: Uint8Array | null = null;
  readonly #scores: Float32Array;
  #dots: DotProducts | null = null;

  /** @internal `place` is what errors call the candidates. */
  constructor(input: Input, place: string) {
    this.size = countRows(input);
    if (this.size === 0) throw new RangeError(`${place} must hold at least one row, got none`);
    this.input = input;
    this.place = place;
    this.#scores = new Float32Array(this.size);
  }

  /** @internal The rows as this reader reads them, read once. */
  *read(reader: Reader): Generator<void, CSRMatrix> {
    const { encoder, numFeatures } = reader;
    if (this.#matrix !== null && this.#encoder === encoder && numFeatures !== null && this.#matrix.cols <= numFeatures) return this.#matrix;
    const matrix = yield* readInput(this.input, reader, this.place);
    this.#encoder = encoder;
    if (matrix === this.#matrix) return matrix; // one that has been a matrix all along
    this.#features = null;
    this.#dots = null;
    return (this.#matrix = matrix);
  }

  /**
   * @internal The raw score of every candidate in a context (row 0 of `context`); (size), overwritten by the next call.
   * `once`: the sums of a factorization machine are not worth making.
   */
  score(trainer: Trainer, reader: Reader, context: RowView, once: boolean = false): Float32Array {
    const matrix = runAtOnce(this.read(reader));
    const scores = this.#scores;
    const affine = once ? null : affineOf(trainer.network.scorer.stages, trainer.network.spec.embeddingDim);
    const dots = affine && this.#dotsFor(matrix, trainer.network);
    if (affine && dots) dots.score(trainer.network, affine, context, scores);
    else runAtOnce(trainer.score(matrix, scores, context));
    if (this.#mayShare(context, once)) {
      const shared = rowsWith(matrix, context);
      if (shared.length > 0) trainer.scoreJoined(context, matrix, shared, scores, this.place);
    }
    return scores;
  }

  /** Null where there is no memory for the sums: then a factorization machine ranks like any other model. */
  #dotsFor(matrix: CSRMatrix, network: Network): DotProducts | null {
    const { embeddingDim } = network.spec;
    if (this.#dots?.embeddingDim === embeddingDim) return this.#dots;
    if (matrix.rows * embeddingDim * 4 > MAX_SUMS) return null;
    try {
      return (this.#dots = new DotProducts(matrix, network));
    } catch {
      return null;
    }
  }

  /** Whether some candidate has a feature of the context; `once`: perhaps, since finding out would cost as much as finding them. */
  #mayShare({ indptr, indices }: RowView, once: boolean): boolean {
    if (once) return true;
    const features = (this.#features ??= featuresOf(this.#matrix!));
    for (let p = indptr[0]; p < indptr[1]; p++) if (features[indices[p]] === 1) return true;
    return false;
  }
}

/** The rows that have a feature of the context. */
function rowsWith({ rows, indptr, indices }: CSRMatrix, context: RowView): Uint32Array {
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

/** Scores of a factorization machine, a dot product for each candidate. */
class DotProducts {
  readonly embeddingDim: number;
  readonly #matrix: CSRMatrix;
  readonly #kernels: Kernels;
  /** s of each candidate, (n, K). */
  readonly #sums: Tensor;
  /** What of its score is the candidate's own, (n, 1). */
  readonly #own: Tensor;
  readonly #scores: Tensor;
  /** What of the scores is the context's own, (1, 1), and what multiplies s, (1, K). */
  readonly #bias: Tensor;
  readonly #factor: Tensor;
  #madeFor: { network: Network; version: number } | null = null;

  constructor(matrix: CSRMatrix, { spec, kernels }: Network) {
    this.embeddingDim = spec.embeddingDim;
    this.#matrix = matrix;
    let made: Kernels = kernels;
    const { rows } = matrix;
    [this.#sums, this.#own, this.#scores, this.#bias, this.#factor] = allocateTogether(
      (allocate) => [allocate(rows, spec.embeddingDim), allocate(rows, 1, 1), allocate(rows, 1, 1), allocate(1, 1), allocate(1, spec.embeddingDim)],
      (bytes) => {
        const created = chooseBackend(kernels.name).create(bytes);
        made = created.kernels;
        return created;
      },
    );
    this.#kernels = made;
  }

  score(network: Network, { factor, offset }: Affine, context: RowView, scores: Float32Array): void {
    if (this.#madeFor?.network !== network || this.#madeFor.version !== network.version) {
      this.#sum(network, factor);
      this.#madeFor = { network, version: network.version };
    }
    const { linear, sums, squares } = network.contextOf(context);
    let own = network.scorer.bias.data[0] + linear.data[0];
    for (let j = 0; j < factor.length; j++) {
      const s = sums.data[j];
      own += (factor[j] * (s * s - squares.data[j])) / 2 + offset[j];
      this.#factor.data[j] = factor[j] * s;
    }
    this.#bias.data[0] = own;
    this.#kernels.scoreForward(this.#scores, this.#bias, this.#own, this.#sums, this.#factor, 0, this.#matrix.rows);
    scores.set(this.#scores.data);
  }

  #sum(network: Network, factor: Float64Array): void {
    const { rows, indptr, indices, values } = this.#matrix;
    const { linear, embedding } = network.scorer;
    const { data: v, cols } = embedding;
    const [s, q] = [new Float64Array(cols), new Float64Array(cols)];
    for (let i = 0; i < rows; i++) {
      s.fill(0);
      q.fill(0);
      let own = 0;
      for (let p = indptr[i]; p < indptr[i + 1]; p++) {
        const x = values === null ? 1 : values[p];
        const from = indices[p] * embedding.stride;
        own += x * linear.data[indices[p]];
        for (let j = 0; j < cols; j++) {
          const t = x * v[from + j];
          s[j] += t;
          q[j] += t * t;
        }
      }
      for (let j = 0; j < cols; j++) own += (factor[j] * (s[j] * s[j] - q[j])) / 2;
      this.#own.data[i] = own;
      this.#sums.data.set(s, i * this.#sums.stride);
    }
  }
}
