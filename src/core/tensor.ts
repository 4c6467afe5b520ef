// Dense float32 matrices: row-major views on memory that is allocated once. A vector is a matrix of one row. Rows are
// padded to a multiple of 4 floats, so that every row starts on a 16-byte boundary; the padding stays zero.

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
  return (cols + 3) & ~3;
}

/** A new matrix of zeros, (rows, cols). */
export function zeros(rows: number, cols: number): Tensor {
  const stride = strideOf(cols);
  return { data: new Float32Array(rows * stride), rows, cols, stride };
}

/** Sets every element of `x` to `value`; the padding stays zero. */
export function fill(x: Tensor, value: number): void {
  for (let i = 0; i < x.rows; i++) x.data.fill(value, i * x.stride, i * x.stride + x.cols);
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
