// The scores of lists, and their softmax. Letters: C contexts, I candidates.

import { strideOf, type Tensor } from "../../core/tensor.ts";
import { listKernels } from "../../kernels/lists.ts";
import type { Memory } from "../../kernels/memory.ts";
import type { SoftmaxSums } from "../pass.ts";

/** The score of each candidate in each context, and the gradients of the scores. */
export class ListScores {
  readonly #memory: Memory;
  /** The numbers of `scores` and `dScores`, each (C strideOf(I), 1) or longer. */
  readonly #scores: Tensor;
  readonly #dScores: Tensor;
  /** The results of the last softmax, each (C, 1) or longer. */
  readonly #most: Tensor;
  readonly #sums: Tensor;
  #contexts = 0;
  #candidates = 0;

  /** Registers the tensors with the memory. The next commit of the memory allocates them. */
  constructor(memory: Memory) {
    const column = (): Tensor => memory.allocate(0, 1, { stride: 1 });
    this.#memory = memory;
    [this.#scores, this.#dScores, this.#most, this.#sums] = [column(), column(), column(), column()];
    memory.addKernels(listKernels);
  }

  /**
   * Requests room for a batch. The caller commits the memory.
   *
   * @param contexts Number of contexts.
   * @param candidates Number of candidates.
   * @returns Whether a commit is needed.
   */
  reserve(contexts: number, candidates: number): boolean {
    [this.#contexts, this.#candidates] = [contexts, candidates];
    const size = contexts * strideOf(candidates);
    const wanted: [Tensor, number][] = [
      ...[this.#scores, this.#dScores].map((x): [Tensor, number] => [x, size]),
      ...[this.#most, this.#sums].map((x): [Tensor, number] => [x, contexts]),
    ];
    const larger = wanted.filter(([x, needed]) => needed > x.rows);
    for (const [x, needed] of larger) this.#memory.resize(x, needed);
    return larger.length > 0;
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
    const contexts = this.#contexts;
    const gap = scores.stride - scores.cols;
    for (let c = 0; c < contexts && gap > 0; c++) {
      const end = (c + 1) * scores.stride;
      scores.data.fill(-Infinity, end - gap, end);
    }
    const kernels = this.#memory.addKernels(listKernels);
    kernels.softmaxRows(dScores, scores, this.#most, this.#sums, scale, 0, contexts);
    return { most: this.#most.data, sums: this.#sums.data };
  }

  #matrix({ data }: Tensor): Tensor {
    const [rows, cols] = [this.#contexts, this.#candidates];
    const stride = strideOf(cols);
    return { data: data.subarray(0, rows * stride), rows, cols, stride };
  }
}
