// Scores every candidate of a batch in every context of the batch, for a factorization machine (Rendle 2010).
// What the candidates of a context do not share is S s + 1/2 (s s - q) + w, where S are the sums of the
// context, and s, q, w those of the candidate. So all scores are one matrix product. Dropout acts on S: all
// candidates of a context have the same mask, and their own interactions have none. Letters: C contexts, I
// candidates, R = C + I rows of the batch, K embedding dimension.

import { strideOf, type Tensor } from "../../core/tensor.ts";
import type { Kernels } from "../../kernels/kernels.ts";
import { biInteractionForward } from "../../layers/bi-interaction.ts";
import type { Dropout } from "../../layers/dropout.ts";
import { linearBackward, linearForward } from "../../layers/embedding.ts";
import type { BatchSize, Pass, PassParts } from "../pass.ts";
import { ListScores } from "./list-scores.ts";

/** Scores pairs of contexts and candidates by one matrix product. */
export class ProductPass extends ListScores implements Pass {
  readonly #parts: PassParts;
  /** Rate of the dropout. */
  readonly #rate: number;
  /** Mask of each context and its sums under this mask, each (C, K). */
  readonly #mask: Tensor;
  readonly #masked: Tensor;
  /** The candidates' sums, transposed, (K, I) and longer. */
  readonly #turned: Tensor;
  /** The part of each score that depends on the candidate alone, and its gradient, each (R, 1). */
  readonly #own: Tensor;
  readonly #dOwn: Tensor;
  /** The two factors of `partsBackward`, each (R, K). */
  readonly #a: Tensor;
  readonly #d: Tensor;
  /** w0 of the candidates' own parts: all candidates share it. */
  readonly #zero: Tensor;

  constructor(parts: PassParts) {
    const { memory, embeddingDim } = parts.network.parameters;
    super(memory);
    const [stage] = parts.network.stages;
    this.#parts = parts;
    this.#rate = stage === undefined ? 0 : (stage.layer as Dropout).rate;
    const column = (): Tensor => memory.allocate(0, 1, { stride: 1 });
    const matrix = (): Tensor => memory.allocate(0, embeddingDim);
    [this.#mask, this.#masked, this.#a, this.#d] = [matrix(), matrix(), matrix(), matrix()];
    [this.#own, this.#dOwn, this.#turned] = [column(), column(), column()];
    this.#zero = memory.allocate(1, 1);
    memory.commit();
  }

  rowsOf({ rows }: BatchSize): number {
    return rows;
  }

  reserve(size: BatchSize): void {
    const { rows, contexts = 0 } = size;
    const candidates = rows - contexts;
    const { embeddingDim } = this.#parts.network.parameters;
    const padded = strideOf(candidates);
    this.reserveLists(size, [
      ...[this.#mask, this.#masked].map((x): [Tensor, number] => [x, contexts]),
      ...[this.#a, this.#d].map((x): [Tensor, number] => [x, rows]),
      ...[this.#own, this.#dOwn].map((x): [Tensor, number] => [x, contexts + padded]),
      [this.#turned, embeddingDim * padded],
    ]);
  }

  work(): number {
    const { network } = this.#parts;
    const products = this.contexts * this.candidates * network.parameters.embeddingDim;
    return 3 * (products + network.work(0));
  }

  forward(): void {
    const { network } = this.#parts;
    const { batch, parameters, sums, pooled, linear, output, stages } = network;
    const kernels = this.memory.kernels as Kernels;
    const [contexts, candidates] = [this.contexts, this.candidates];
    linearForward(kernels, batch, parameters.linear.value, linear);
    biInteractionForward(kernels, batch, parameters.embedding.value, sums, pooled, null);
    kernels.scoreForward(this.#own, this.#zero, linear, pooled, output, contexts, contexts + candidates);
    if (this.#rate > 0) {
      const { key } = stages[0].pass;
      kernels.dropoutForward(this.#masked, this.#mask, sums, key, this.#rate, 0, contexts);
    }
    const padded = strideOf(candidates);
    const turned = view(this.#turned, 0, sums.cols, candidates, padded);
    kernels.transpose(turned, this.#candidateSums());
    const own = view(this.#own, contexts, 1, candidates, padded);
    kernels.matmul(this.scores, this.#contextSums(), turned, own, 0, contexts);
  }

  backward(): void {
    const { network, gradientOf } = this.#parts;
    const { batch, parameters, sums } = network;
    const kernels = this.memory.kernels as Kernels;
    const [contexts, candidates] = [this.contexts, this.candidates];
    const { stride } = sums;
    const [a, d, padded] = [this.#a, this.#d, strideOf(candidates)];
    const { dScores } = this;
    // The gradient of a context's sums. What depends on the context alone cancels.
    kernels.matmul(a, dScores, this.#candidateSums(), null, 0, contexts);
    if (this.#rate > 0) kernels.multiply(a, a, this.#mask, 0, contexts);
    d.data.fill(0, 0, contexts * stride);
    // The gradient of a candidate's sums: that of the products, and that of its own interactions.
    const dProducts = view(a, contexts * stride, candidates, sums.cols, stride);
    kernels.matmulTransposed(dProducts, dScores, this.#contextSums(), contexts, 0, candidates);
    const dOwn = view(this.#dOwn, contexts, 1, candidates, padded);
    kernels.columnSums(dOwn, dScores, contexts, 0, candidates);
    this.memory.settle();
    this.#dOwn.data.fill(0, 0, contexts);
    for (let row = contexts; row < contexts + candidates; row++) {
      const slope = this.#dOwn.data[row];
      for (let j = row * stride; j < (row + 1) * stride; j++) {
        a.data[j] += Math.fround(slope * sums.data[j]);
        d.data[j] = slope;
      }
    }
    const { embedding, linear } = parameters;
    const dV = gradientOf(embedding);
    kernels.partsBackward(batch, embedding.value, a, d, dV, 0, batch.touchedCount);
    linearBackward(kernels, batch, this.#dOwn, gradientOf(linear));
  }

  /** The sums of the contexts as the products see them, (C, K). */
  #contextSums(): Tensor {
    return this.#rate > 0 ? this.#masked : this.#parts.network.sums;
  }

  /** The sums of the candidates, (I, K). */
  #candidateSums(): Tensor {
    const { sums } = this.#parts.network;
    return view(sums, this.contexts * sums.stride, this.candidates, sums.cols, sums.stride);
  }
}

/** Views a part of the memory of a tensor, from an element on. */
function view({ data }: Tensor, from: number, rows: number, cols: number, stride: number): Tensor {
  return { data: data.subarray(from, from + rows * stride), rows, cols, stride };
}
