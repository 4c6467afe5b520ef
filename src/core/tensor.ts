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

/**
 * Copies the elements of a tensor without padding, some at a time. The tensor may move between them.
 *
 * @param x The tensor, (rows, cols).
 * @param transposed Whether the elements are wanted column by column; then all come at once.
 * @param size Most elements of a copy, if a row has no more.
 * @returns The copies, one behind the other.
 */
export function* packedChunks(x: Tensor, transposed: boolean, size: number): Generator<Float32Array, void> {
  if (transposed) {
    yield toPacked(x, true);
    return;
  }
  const rows = Math.max(1, Math.floor(size / x.cols));
  for (let row = 0; row < x.rows; row += rows) {
    const end = Math.min(row + rows, x.rows);
    yield toPacked({ ...x, data: x.data.subarray(row * x.stride, end * x.stride), rows: end - row });
  }
}

/**
 * Writes some rows of a tensor from a copy without padding.
 *
 * @param x The tensor, (rows, cols).
 * @param packed The copy: whole rows, or the whole tensor column by column.
 * @param first The first row.
 * @param transposed Whether the copy is column by column.
 */
export function placeRows(x: Tensor, packed: Float32Array, first: number, transposed: boolean): void {
  if (transposed) fromPacked(x, packed, true);
  else fromPacked({ ...x, data: x.data.subarray(first * x.stride), rows: packed.length / x.cols }, packed);
}

/** Says whether all numbers are finite. */
export function allFinite(data: Float32Array): boolean {
  // A sum of zeros is NaN as soon as one number is not finite. Four sums take half the time of one.
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  const end = data.length - 3;
  let i = 0;
  for (; i < end; i += 4) {
    a += data[i] * 0;
    b += data[i + 1] * 0;
    c += data[i + 2] * 0;
    d += data[i + 3] * 0;
  }
  for (; i < data.length; i++) a += data[i] * 0;
  return a + b + c + d === 0;
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
