// The embeddings of items as unit vectors, for the similarity of items. The embedding of an item is the sum
// of x v over its features. K is the embedding dimension.

import type { SparseRows } from "../data/sparse-row.ts";
import type { Parameters } from "../model/parameters.ts";

/** Unit vectors of rows. They are computed again when the parameters or the rows change. */
export class Directions {
  #parameters: Parameters | null = null;
  #version = -1;
  #rows: SparseRows | null = null;
  #vectors = new Float32Array(0);
  #dim = 0;

  /**
   * Computes the vectors, unless they are up to date.
   *
   * @param rows The items, (items).
   * @param parameters The parameters of the model.
   */
  update(rows: SparseRows, parameters: Parameters): void {
    const { version, embedding } = parameters;
    if (this.#parameters === parameters && this.#version === version && this.#rows === rows) return;
    const { data, cols, stride } = embedding.value;
    const { indptr, indices, values } = rows;
    const vectors = new Float32Array(rows.rows * cols);
    const sums = new Float64Array(cols);
    for (let row = 0; row < rows.rows; row++) {
      sums.fill(0);
      for (let p = indptr[row]; p < indptr[row + 1]; p++) {
        const x = values === null ? 1 : values[p];
        for (let j = 0; j < cols; j++) sums[j] += x * data[indices[p] * stride + j];
      }
      let square = 0;
      for (let j = 0; j < cols; j++) square += sums[j] * sums[j];
      const factor = square > 0 ? 1 / Math.sqrt(square) : 0;
      for (let j = 0; j < cols; j++) vectors[row * cols + j] = factor * sums[j];
    }
    this.#vectors = vectors;
    this.#dim = cols;
    [this.#parameters, this.#version, this.#rows] = [parameters, version, rows];
  }

  /** Cosine similarity of two rows, from -1 to 1; 0 if one of them has no known feature. */
  similarity(a: number, b: number): number {
    const [vectors, dim] = [this.#vectors, this.#dim];
    let sum = 0;
    for (let j = 0; j < dim; j++) sum += vectors[a * dim + j] * vectors[b * dim + j];
    return sum;
  }
}
