// Dense float32 matrices, as row-major views of memory. A vector is a matrix of one row. Rows are padded to a
// multiple of 4 floats, so that every row starts on a 16-byte boundary. The padding is zero, or NaN where a
// row contains infinities. It never affects a result.

/** A (rows, cols) view of memory. Element (i, j) is `data[i * stride + j]`. */
export interface Tensor {
  /** The elements, row by row, with padding; (rows * stride). */
  readonly data: Float32Array;
  /** Number of rows. */
  readonly rows: number;
  /** Number of columns, without padding. */
  readonly cols: number;
  /**
   * Distance between the starts of two rows in floats: `cols` rounded up to a multiple of 4, or 1 for a
   * column.
   */
  readonly stride: number;
}

/**
 * Computes the stride of a padded matrix.
 *
 * @param cols Number of columns.
 * @returns `cols` rounded up to a multiple of 4.
 */
export function strideOf(cols: number): number {
  return Math.ceil(cols / 4) * 4;
}

/** Allocates a matrix of zeros, (rows, cols). A stride of 1 is for a column without padding. */
export type Allocate = (rows: number, cols: number, stride?: number) => Tensor;

/**
 * Views the memory of a tensor as unsigned integers.
 *
 * @param x The tensor.
 * @returns A view of the same memory, padding included.
 */
export function asIntegers(x: Tensor): Uint32Array {
  return new Uint32Array(x.data.buffer, x.data.byteOffset, x.data.length);
}

/**
 * Sets every element to the same value. The padding stays as it is.
 *
 * @param x The tensor, (rows, cols).
 * @param value The value.
 */
export function fill(x: Tensor, value: number): void {
  if (x.stride === x.cols) {
    x.data.fill(value);
    return;
  }
  for (let i = 0; i < x.rows; i++) x.data.fill(value, i * x.stride, i * x.stride + x.cols);
}

/**
 * Views the memory of a tensor as the bits of its floats. Loops use it to choose between values by integer
 * arithmetic where the processor would predict a branch wrongly.
 *
 * @param x The tensor.
 * @returns A view of the same memory, padding included.
 */
export function bitsOf(x: Tensor): Int32Array {
  return new Int32Array(x.data.buffer, x.data.byteOffset, x.data.length);
}

/**
 * Copies the rows and columns that both matrices have.
 *
 * @param target The matrix to write.
 * @param source The matrix to read.
 */
export function copyInto(target: Tensor, source: Tensor): void {
  const rows = Math.min(target.rows, source.rows);
  const cols = Math.min(target.cols, source.cols);
  for (let i = 0; i < rows; i++) {
    target.data.set(source.data.subarray(i * source.stride, i * source.stride + cols), i * target.stride);
  }
}

/**
 * Copies the elements of a tensor without padding.
 *
 * @param x The tensor, (rows, cols).
 * @param transposed Whether the copy is column by column instead of row by row. Default: false.
 * @returns The copy, (rows * cols).
 */
export function toPacked(x: Tensor, transposed: boolean = false): Float32Array {
  if (isPacked(x, transposed)) return x.data.slice(0, x.rows * x.cols);
  const packed = new Float32Array(x.rows * x.cols);
  for (let i = 0; i < x.rows; i++) {
    for (let j = 0; j < x.cols; j++)
      packed[transposed ? j * x.rows + i : i * x.cols + j] = x.data[i * x.stride + j];
  }
  return packed;
}

/**
 * Views the elements of a tensor without padding, or copies them if that is not possible.
 *
 * @param x The tensor, (rows, cols).
 * @param transposed Whether the elements are wanted column by column instead of row by row.
 * @returns The elements, (rows * cols). They must not be changed.
 */
export function packedView(x: Tensor, transposed: boolean): Float32Array {
  return isPacked(x, transposed) ? x.data.subarray(0, x.rows * x.cols) : toPacked(x, transposed);
}

/** Says whether the elements of a tensor lie in memory in the wanted order and without padding. */
function isPacked({ cols, stride }: Tensor, transposed: boolean): boolean {
  return !transposed && stride === cols;
}

/** Says whether all numbers are finite. */
export function allFinite(data: Float32Array): boolean {
  let check = 0;
  for (let i = 0; i < data.length; i++) check += data[i] * 0; // NaN as soon as one number is not finite
  return check === 0;
}

/**
 * Writes the elements of a tensor from a copy that `toPacked` made.
 *
 * @param x The tensor, (rows, cols).
 * @param packed The copy, (rows * cols).
 * @param transposed Whether the copy is column by column instead of row by row. Default: false.
 */
export function fromPacked(x: Tensor, packed: Float32Array, transposed: boolean = false): void {
  if (isPacked(x, transposed)) {
    x.data.set(packed);
    return;
  }
  for (let i = 0; i < x.rows; i++) {
    for (let j = 0; j < x.cols; j++)
      x.data[i * x.stride + j] = packed[transposed ? j * x.rows + i : i * x.cols + j];
  }
}
