// Scores every candidate of a batch in every context of the batch. The sums of Bi-Interaction of contexts and
// candidates are computed once for each. A pair then starts from the sums S, Q of its context and s, q of its
// candidate: its pooled vector is 1/2 ((S + s)^2 - (Q + q)), which goes through the layers. Letters: C
// contexts, I candidates, R = C + I rows of the batch, K embedding dimension.

import type { Tensor } from "../../core/tensor.ts";
import type { Kernels } from "../../kernels/kernels.ts";
import { biInteractionForward } from "../../layers/bi-interaction.ts";
import { linearBackward, linearForward } from "../../layers/embedding.ts";
import type { BatchSize, Pass, PassParts } from "../pass.ts";
import { ListScores } from "./list-scores.ts";
import { ProductPass } from "./product-pass.ts";

/**
 * Makes the pass for a model: that of one matrix product for a factorization machine without batch norm, else
 * that with the layers.
 *
 * @param parts What the trainer gives.
 * @returns The pass.
 */
export function makeListPass(parts: PassParts): Pass {
  const { stages, parameters } = parts.network;
  const isProduct = parameters.output === null && stages.every(({ layer }) => layer.type === "dropout");
  return isProduct && stages.length <= 1 ? new ProductPass(parts) : new ListPass(parts);
}

/** Scores pairs of contexts and candidates through the layers of the network. */
class ListPass extends ListScores implements Pass {
  readonly #parts: PassParts;
  /** Sum of w_i x_i of each row, (R, 1). */
  readonly #linear: Tensor;
  /** Sum of t t of each row, with t = x_i v_i, (R, K). The sums of t are in the network. */
  readonly #squares: Tensor;
  /** Gradients by `linear`, (R, 1), and the two factors of `partsBackward`, each (R, K). */
  readonly #dLinear: Tensor;
  readonly #a: Tensor;
  readonly #d: Tensor;

  constructor(parts: PassParts) {
    const { memory, embeddingDim } = parts.network.parameters;
    super(memory);
    this.#parts = parts;
    const column = (): Tensor => memory.allocate(0, 1, { stride: 1 });
    const matrix = (): Tensor => memory.allocate(0, embeddingDim);
    [this.#linear, this.#dLinear] = [column(), column()];
    [this.#squares, this.#a, this.#d] = [matrix(), matrix(), matrix()];
    memory.commit();
  }

  rowsOf({ rows, contexts = 0 }: BatchSize): number {
    return Math.max(rows, contexts * (rows - contexts));
  }

  reserve(size: BatchSize): void {
    const own = [this.#linear, this.#dLinear, this.#squares, this.#a, this.#d];
    this.reserveLists(
      size,
      own.map((x) => [x, size.rows]),
    );
  }

  work(): number {
    return 3 * this.#parts.network.work(this.contexts * this.candidates);
  }

  forward(): void {
    const { network } = this.#parts;
    const { batch, parameters } = network;
    const kernels = this.memory.kernels as Kernels;
    const [contexts, candidates] = [this.contexts, this.candidates];
    linearForward(kernels, batch, parameters.linear.value, this.#linear);
    const { sums: sumsOf, pooled: ofRows } = network; // the pooled vectors of the rows are not used
    biInteractionForward(kernels, batch, parameters.embedding.value, sumsOf, ofRows, this.#squares);
    this.memory.settle();
    const [linear, { data: sums, stride }, squares] = [this.#linear.data, sumsOf, this.#squares.data];
    const [pooled, scoreOf] = [network.pooled.data, network.linear.data];
    for (let c = 0; c < contexts; c++) {
      for (let i = 0; i < candidates; i++) {
        const pair = c * candidates + i;
        const [at, first, second] = [pair * stride, c * stride, (contexts + i) * stride];
        scoreOf[pair] = linear[c] + linear[contexts + i];
        for (let j = 0; j < stride; j++) {
          const sum = sums[first + j] + sums[second + j];
          pooled[at + j] = (sum * sum - (squares[first + j] + squares[second + j])) / 2;
        }
      }
    }
    network.scorePooled(contexts * candidates, true);
    this.memory.settle();
    const { data, stride: listStride } = this.scores;
    for (let c = 0; c < contexts; c++)
      data.set(network.scores.data.subarray(c * candidates, (c + 1) * candidates), c * listStride);
  }

  backward(): void {
    const { network, dScores, dPooled } = this.#parts;
    const { batch, parameters } = network;
    const kernels = this.memory.kernels as Kernels;
    const [contexts, candidates] = [this.contexts, this.candidates];
    const { data: slopes, stride: listStride } = this.dScores;
    for (let c = 0; c < contexts; c++)
      dScores.data.set(slopes.subarray(c * listStride, c * listStride + candidates), c * candidates);
    this.#parts.backwardLayers(contexts * candidates);
    this.memory.settle();
    const { data: sums, stride } = network.sums;
    const [a, d, dLinear, dP] = [this.#a.data, this.#d.data, this.#dLinear.data, dPooled.data];
    a.fill(0, 0, (contexts + candidates) * stride);
    d.fill(0, 0, (contexts + candidates) * stride);
    dLinear.fill(0, 0, contexts + candidates);
    for (let c = 0; c < contexts; c++) {
      for (let i = 0; i < candidates; i++) {
        const pair = c * candidates + i;
        const [at, first, second] = [pair * stride, c * stride, (contexts + i) * stride];
        // All candidates of a context share its linear term, which therefore cancels.
        dLinear[contexts + i] += dScores.data[pair];
        for (let j = 0; j < stride; j++) {
          const slope = dP[at + j];
          const product = (sums[first + j] + sums[second + j]) * slope;
          a[first + j] += product;
          a[second + j] += product;
          d[first + j] += slope;
          d[second + j] += slope;
        }
      }
    }
    const { embedding, linear } = parameters;
    const dV = this.#parts.gradientOf(embedding);
    kernels.partsBackward(batch, embedding.value, this.#a, this.#d, dV, 0, batch.touchedCount);
    linearBackward(kernels, batch, this.#dLinear, this.#parts.gradientOf(linear));
  }
}
