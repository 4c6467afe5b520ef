// Dense float32 matrices: row-major views on memory. A vector is a matrix of one row. Rows are padded to a multiple of 4
// floats, so that every row starts on a 16-byte boundary; the padding is zero, but for NaN that infinities leave there,
// and never reaches a result.

/** A (rows, cols) view: element (i, j) is `data[i * stride + j]`. */
export interface Tensor {
  readonly data: Float32Array;
  readonly rows: number;
  readonly cols: number;
  /** Distance between the starts of two rows, in floats: `cols` rounded up to a multiple of 4. */
  readonly stride: number;
}

/** The row stride of a matrix of `cols` columns. */
export function strideOf(cols: number): number {
  return Math.ceil(cols / 4) * 4;
}

/** Hands out a matrix of zeros, (rows, cols); the stride may be given, as 1 for a column that is never padded. */
export type Allocate = (rows: number, cols: number, stride?: number) => Tensor;

/** The memory of a tensor as unsigned integers. */
export function asIntegers(x: Tensor): Uint32Array {
  return new Uint32Array(x.data.buffer, x.data.byteOffset, x.data.length);
}

/** Sets every element of `x` to `value`; the padding stays zero. */
export function fill(x: Tensor, value: number): void {
  for (let i = 0; i < x.rows; i++) x.data.fill(value, i * x.stride, i * x.stride + x.cols);
}

/** The bits of the floats, on the same memory; for choices by arithmetic where a branch would be mispredicted. */
export function bitsOf(x: Tensor): Int32Array {
  return new Int32Array(x.data.buffer, x.data.byteOffset, x.data.length);
}

/** Copies the rows and columns that both matrices have. */
export function copyInto(target: Tensor, source: Tensor): void {
  const rows = Math.min(target.rows, source.rows);
  const cols = Math.min(target.cols, source.cols);
  for (let i = 0; i < rows; i++) {
    target.data.set(source.data.subarray(i * source.stride, i * source.stride + cols), i * target.stride);
  }
}

/** The elements without padding, row by row; `transposed`: column by column. */
export function toPacked(x: Tensor, transposed: boolean = false): Float32Array {
  const packed = new Float32Array(x.rows * x.cols);
  for (let i = 0; i < x.rows; i++) {
    for (let j = 0; j < x.cols; j++) packed[transposed ? j * x.rows + i : i * x.cols + j] = x.data[i * x.stride + j];
  }
  return packed;
}

/** The inverse of `toPacked`. */
export function fromPacked(x: Tensor, packed: Float32Array, transposed: boolean = false): void {
  for (let i = 0; i < x.rows; i++) {
    for (let j = 0; j < x.cols; j++) x.data[i * x.stride + j] = packed[transposed ? j * x.rows + i : i * x.cols + j];
  }
}
