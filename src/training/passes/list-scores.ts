// What both passes over lists share: the scores of the batch and their softmax. Letters: C contexts, I
// candidates.

import { strideOf, type Tensor } from "../../core/tensor.ts";
import { listKernels } from "../../kernels/lists.ts";
import type { Memory } from "../../kernels/memory.ts";
import type { BatchSize, SoftmaxSums } from "../pass.ts";

/** The score of each candidate in each context, and the gradients of the scores. */
export class ListScores {
  protected readonly memory: Memory;
  /** Numbers of contexts and candidates of the batch. */
  protected contexts = 0;
  protected candidates = 0;
  /** The numbers of `scores` and `dScores`, each (C strideOf(I), 1) or longer. */
  readonly #scores: Tensor;
  readonly #dScores: Tensor;
  /** The results of the last softmax, each (C, 1) or longer. */
  readonly #most: Tensor;
  readonly #sums: Tensor;

  /** Registers the tensors with the memory. The next commit of the memory allocates them. */
  constructor(memory: Memory) {
    const column = (): Tensor => memory.allocate(0, 1, { stride: 1 });
    this.memory = memory;
    memory.addKernels(listKernels);
    [this.#scores, this.#dScores, this.#most, this.#sums] = [column(), column(), column(), column()];
  }

  /**
   * Keeps the size of a batch, and makes room for it.
   *
   * @param size The size.
   * @param more Further tensors, and the rows that each of them needs.
   */
  protected reserveLists({ rows, contexts = 0 }: BatchSize, more: readonly [Tensor, number][]): void {
    this.contexts = contexts;
    this.candidates = rows - contexts;
    const size = contexts * strideOf(this.candidates);
    const wanted: [Tensor, number][] = [
      ...[this.#scores, this.#dScores].map((x): [Tensor, number] => [x, size]),
      ...[this.#most, this.#sums].map((x): [Tensor, number] => [x, contexts]),
      ...more,
    ];
    const larger = wanted.filter(([x, needed]) => needed > x.rows);
    for (const [x, needed] of larger) this.memory.resize(x, needed);
    if (larger.length > 0) this.memory.commit();
  }

  /** The scores, (C, I). */
  get scores(): Tensor {
    return this.#matrix(this.#scores);
  }

  /** Their gradients, (C, I). */
  get dScores(): Tensor {
    return this.#matrix(this.#dScores);
  }

  /** `softmax` of `Pass`. */
  softmax(scale: number): SoftmaxSums {
    const { scores, dScores } = this;
    const { contexts } = this;
    const gap = scores.stride - scores.cols;
    for (let c = 0; c < contexts && gap > 0; c++) {
      const end = (c + 1) * scores.stride;
      scores.data.fill(-Infinity, end - gap, end);
    }
    const kernels = this.memory.addKernels(listKernels);
    kernels.softmaxRows(dScores, scores, this.#most, this.#sums, scale, 0, contexts);
    this.memory.settle();
    return { most: this.#most.data, sums: this.#sums.data };
  }

  #matrix({ data }: Tensor): Tensor {
    const [rows, cols] = [this.contexts, this.candidates];
    const stride = strideOf(cols);
    return { data: data.subarray(0, rows * stride), rows, cols, stride };
  }
}
