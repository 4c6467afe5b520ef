// CSRMatrix against dense rows: what it holds, what it refuses, and its parts.

import { describe, expect, it } from "vitest";
import { CSRMatrix } from "../../src/data/csr-matrix.ts";
import type { RowLike } from "../../src/data/sparse-row.ts";

/** A small generator of its own, so that tests do not lean on the library's. */
function generator(seed: number): (n: number) => number {
  let state = Math.imul(seed, 0x9e3779b1);
  return (n) => Math.floor(((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32) * n);
}

/** The matrix as an array of dense rows, read entry by entry. */
function dense(x: CSRMatrix): number[][] {
  return Array.from({ length: x.rows }, (_, i) => {
    const row = new Array<number>(x.cols).fill(0);
    for (let p = x.indptr[i]; p < x.indptr[i + 1]; p++)
      row[x.indices[p]] = x.values === null ? 1 : x.values[p];
    return row;
  });
}

function randomDense(
  rows: number,
  cols: number,
  seed: number,
  values: readonly number[] = [1, -0.5, 2, 3.25],
): number[][] {
  const below = generator(seed);
  return Array.from({ length: rows }, () =>
    Array.from({ length: cols }, () => (below(4) === 0 ? values[below(values.length)] : 0)),
  );
}

function expectInvariants(x: CSRMatrix): void {
  expect(x.indptr.length).toBe(x.rows + 1);
  expect(x.indptr[0]).toBe(0);
  expect(x.indptr[x.rows]).toBe(x.nnz);
  expect(x.indices.length).toBe(x.nnz);
  for (let i = 0; i < x.rows; i++) {
    const row = Array.from(x.indices.subarray(x.indptr[i], x.indptr[i + 1]));
    expect(new Set(row).size).toBe(row.length);
    for (const index of row) expect(index).toBeLessThan(x.cols);
  }
  if (x.values !== null) {
    expect(x.values.length).toBe(x.nnz);
    expect(x.values.every((value) => Number.isFinite(value) && value !== 0)).toBe(true);
    expect(x.values.some((value) => value !== 1)).toBe(true);
  }
}

describe("new CSRMatrix", () => {
  it("holds what it was given", () => {
    const x = new CSRMatrix({ cols: 5, indptr: [0, 2, 2, 3], indices: [3, 0, 4], values: [1, 0.5, 2] });
    expect([x.rows, x.cols, x.nnz]).toEqual([3, 5, 3]);
    expect(dense(x)).toEqual([
      [0.5, 0, 0, 1, 0],
      [0, 0, 0, 0, 0],
      [0, 0, 0, 0, 2],
    ]);
    expectInvariants(x);
  });

  it("keeps typed arrays of the right kind without copying", () => {
    const init = {
      cols: 3,
      indptr: Uint32Array.of(0, 2),
      indices: Uint32Array.of(0, 2),
      values: Float32Array.of(1, 2),
    };
    const x = new CSRMatrix(init);
    expect(x.indptr).toBe(init.indptr);
    expect(x.indices).toBe(init.indices);
    expect(x.values).toBe(init.values);
  });

  it("carries no values when all of them are ones in float32", () => {
    expect(new CSRMatrix({ cols: 2, indptr: [0, 2], indices: [0, 1] }).values).toBe(null);
    expect(new CSRMatrix({ cols: 2, indptr: [0, 2], indices: [0, 1], values: [1, 1] }).values).toBe(null);
    expect(new CSRMatrix({ cols: 2, indptr: [0, 2], indices: [0, 1], values: [1, 1 + 1e-12] }).values).toBe(
      null,
    );
  });

  it("drops explicit zeros, and what is zero in float32", () => {
    const x = new CSRMatrix({ cols: 4, indptr: [0, 3, 4], indices: [0, 1, 3, 2], values: [0, 2, -0, 1e-60] });
    expect([x.rows, x.nnz]).toEqual([2, 1]);
    expect(dense(x)).toEqual([
      [0, 2, 0, 0],
      [0, 0, 0, 0],
    ]);
    expectInvariants(x);
  });

  it("may have no rows, no columns and empty rows", () => {
    const x = new CSRMatrix({ cols: 0, indptr: [0], indices: [] });
    expect([x.rows, x.cols, x.nnz]).toEqual([0, 0, 0]);
    expect(new CSRMatrix({ cols: 0, indptr: [0, 0, 0], indices: [], values: [] }).rows).toBe(2);
  });

  it("keeps ids above 2^24, where float32 would not", () => {
    const x = new CSRMatrix({ cols: 2 ** 32 - 1, indptr: [0, 3], indices: [16777217, 4294967294, 16777216] });
    expect(Array.from(x.indices)).toEqual([16777217, 4294967294, 16777216]);
  });

  const good = { cols: 3, indptr: [0, 1, 3], indices: [0, 1, 2] };
  it.each([
    [{ ...good, cols: "3" }, 'CSRMatrix: cols must be an integer, got "3"'],
    [{ ...good, cols: -1 }, "CSRMatrix: cols must be an integer from 0 to 4294967295, got -1"],
    [{ ...good, cols: 2 ** 32 }, "CSRMatrix: cols must be an integer from 0 to 4294967295, got 4294967296"],
    [{ ...good, rows: 1.5 }, "CSRMatrix: rows must be an integer of at least 0, got 1.5"],
    [{ ...good, rows: 3 }, "CSRMatrix: indptr.length must be rows + 1 (4), got 3"],
    [{ ...good, indptr: [] }, "CSRMatrix: indptr.length must be rows + 1 (1), got 0"],
    [{ ...good, indptr: undefined }, "CSRMatrix: indptr must be an array, got undefined"],
    [{ ...good, indices: "012" }, 'CSRMatrix: indices must be an array, got "012"'],
    [{ ...good, indptr: [1, 1, 3] }, "CSRMatrix: indptr[0] must be 0, got 1"],
    [
      { ...good, indptr: [0, 3, 2] },
      "CSRMatrix: indptr[2] must be an integer of at least indptr[1] (3), got 2",
    ],
    [
      { ...good, indptr: [0, NaN, 3] },
      "CSRMatrix: indptr[1] must be an integer of at least indptr[0] (0), got NaN",
    ],
    [{ ...good, indptr: [0, 1, 2] }, "CSRMatrix: indptr[2] must be indices.length (3), got 2"],
    [
      { ...good, indices: [0, 1, 3] },
      "CSRMatrix: indices[2] must be an integer from 0, below cols (3), got 3",
    ],
    [
      { ...good, indices: [0, -1, 2] },
      "CSRMatrix: indices[1] must be an integer from 0, below cols (3), got -1",
    ],
    [
      { ...good, indices: [0, 0.5, 2] },
      "CSRMatrix: indices[1] must be an integer from 0, below cols (3), got 0.5",
    ],
    [
      { ...good, indices: [0, 1, 1] },
      "CSRMatrix: indices[2] must differ from indices[1] in the same row (1), got 1 twice; CSRMatrix.fromRows sums duplicates",
    ],
    [{ ...good, values: 1 }, "CSRMatrix: values must be an array, got 1"],
    [{ ...good, values: [1, 2] }, "CSRMatrix: values.length must be indices.length (3), got 2"],
    [{ ...good, values: [1, NaN, 1] }, "CSRMatrix: values[1] must be finite (in 32 bits), got NaN"],
    [{ ...good, values: [1, 1, 1e39] }, "CSRMatrix: values[2] must be finite (in 32 bits), got 1e+39"],
    [{ ...good, values: ["1", 1, 1] }, 'CSRMatrix: values[0] must be a number, got "1"'],
    [null, "CSRMatrix: init must be an object, got null"],
  ])("refuses %o", (init, message) => expect(() => new CSRMatrix(init as never)).toThrow(message));

  it("finds duplicates in long rows too, and only within a row", () => {
    const row = Array.from({ length: 100 }, (_, i) => i);
    const twice = [...row, ...row];
    expect(new CSRMatrix({ cols: 100, indptr: [0, 100, 200], indices: twice }).nnz).toBe(200);
    expect(() => new CSRMatrix({ cols: 100, indptr: [0, 200], indices: twice })).toThrow(
      "indices[100] must differ from indices[0] in the same row (0), got 0 twice",
    );
  });
});

describe("CSRMatrix.fromRows", () => {
  it("takes sparse vectors, maps and pairs", () => {
    const rows: RowLike[] = [
      { indices: [2, 0] },
      { indices: Uint32Array.of(1), values: Float32Array.of(0.5) },
      new Map([[3, 2]]),
      [
        [0, 4],
        [1, -1],
      ],
      [],
    ];
    const x = CSRMatrix.fromRows(rows);
    expect(dense(x)).toEqual([
      [1, 0, 1, 0],
      [0, 0.5, 0, 0],
      [0, 0, 0, 2],
      [4, -1, 0, 0],
      [0, 0, 0, 0],
    ]);
    expectInvariants(x);
  });

  it("sums duplicates and drops what they cancel to, in short and long rows", () => {
    const short = CSRMatrix.fromRows([
      [
        [3, 1],
        [0, 2],
        [3, 1.5],
        [0, -2],
      ],
      { indices: [5, 5] },
    ]);
    expect(dense(short)).toEqual([
      [0, 0, 0, 2.5, 0, 0],
      [0, 0, 0, 0, 0, 2],
    ]);
    expectInvariants(short);
    const below = generator(4);
    for (let repeat = 0; repeat < 20; repeat++) {
      const pairs = Array.from({ length: 60 }, () => [below(40), below(5) - 2] as const);
      const expected = new Array<number>(40).fill(0);
      for (const [index, value] of pairs) expected[index] += value;
      const x = CSRMatrix.fromRows([pairs, { indices: [39] }, pairs], 40);
      expect(dense(x)[0]).toEqual(expected);
      expect(dense(x)[2]).toEqual(expected);
      expectInvariants(x);
    }
  });

  it("keeps ids above 2^24 and lets them set the width", () => {
    const x = CSRMatrix.fromRows([{ indices: [16777217] }, new Map([[16777219, 2]]), [[4294967294, 3]]]);
    expect(Array.from(x.indices)).toEqual([16777217, 16777219, 4294967294]);
    expect(x.cols).toBe(4294967295);
  });

  it("turns to values when the first value other than 1 comes, however late", () => {
    const rows = Array.from({ length: 3000 }, (_, i) => [[i % 7, 1]] as [number, number][]);
    expect(CSRMatrix.fromRows(rows).values).toBe(null);
    rows.push([[2, 0.5]]);
    const x = CSRMatrix.fromRows(rows);
    expect(x.values!.subarray(0, 3000).every((value) => value === 1)).toBe(true);
    expect(x.values![3000]).toBe(0.5);
  });

  it.each([
    [
      [{ indices: [0] }, { indices: [-1] }],
      undefined,
      "CSRMatrix.fromRows: rows[1].indices[0] must be an integer from 0 to 4294967294, got -1",
    ],
    [
      [{ indices: [4294967295] }],
      undefined,
      "rows[0].indices[0] must be an integer from 0 to 4294967294, got 4294967295",
    ],
    [[{ indices: ["a"] }], undefined, 'rows[0].indices[0] must be a feature index, got "a"'],
    [[{ indices: [1], values: [] }], undefined, "rows[0].values.length must be indices.length (1), got 0"],
    [[{ indices: [1], values: 2 }], undefined, "rows[0].values must be an array, got 2"],
    [
      [{ indices: [1], values: [Infinity] }],
      undefined,
      "rows[0].values[0] must be finite (in 32 bits), got Infinity",
    ],
    [[new Map([["a", 1]])], undefined, 'rows[0]: key "a" must be a feature index, got "a"'],
    [[new Map([[1, NaN]])], undefined, "rows[0].get(1) must be finite (in 32 bits), got NaN"],
    [[[[1, 2, 3]]], undefined, "rows[0][0] must be an [index, value] pair, got array of 3"],
    [[[[0.5, 1]]], undefined, "rows[0][0][0] must be an integer from 0 to 4294967294, got 0.5"],
    [[[[1, "x"]]], undefined, 'rows[0][0][1] must be a number, got "x"'],
    [
      [
        [
          [1, 3e38],
          [1, 3e38],
        ],
      ],
      undefined,
      "rows[0]: the sum of the values of index 1 must be finite (in 32 bits), got Infinity",
    ],
    [
      [7],
      undefined,
      "rows[0] must be a sparse vector { indices, values? }, a Map from index to value, or [index, value] pairs, got 7",
    ],
    [[{ indices: [4] }], 4, "CSRMatrix.fromRows: cols must be above the largest index (4), got 4"],
    [[{ indices: [4] }], 4.5, "CSRMatrix.fromRows: cols must be an integer from 0 to 4294967295, got 4.5"],
    [[], 2 ** 32, "CSRMatrix.fromRows: cols must be an integer from 0 to 4294967295, got 4294967296"],
  ])("refuses %j", (rows, cols, message) =>
    expect(() => CSRMatrix.fromRows(rows as never, cols)).toThrow(message));
});

describe("CSRMatrix.fromDense", () => {
  it("stores exactly the nonzero numbers", () => {
    const rows = randomDense(20, 13, 1);
    const x = CSRMatrix.fromDense(rows);
    expect(dense(x)).toEqual(rows);
    expectInvariants(x);
    expect(CSRMatrix.fromDense([Float64Array.of(0, 1), Float64Array.of(1, 0)]).values).toBe(null);
    expect(CSRMatrix.fromDense([[0, 0, 0]]).cols).toBe(3);
  });

  it.each([
    [[[1, 2], [1]], "CSRMatrix.fromDense: rows[1].length must be that of rows[0] (2), got 1"],
    [[[1, NaN]], "CSRMatrix.fromDense: rows[0][1] must be finite (in 32 bits), got NaN"],
    [[5], "CSRMatrix.fromDense: rows[0] must be an array of numbers, got 5"],
  ])("refuses %j", (rows, message) => expect(() => CSRMatrix.fromDense(rows as never)).toThrow(message));
});

describe("parts of a CSRMatrix", () => {
  const rows = randomDense(30, 11, 2);
  const x = CSRMatrix.fromDense(rows);

  it("row is the row", () => {
    rows.forEach((expected, i) => {
      const { indices, values } = x.row(i);
      const row = new Array<number>(11).fill(0);
      for (let p = 0; p < indices.length; p++) row[indices[p]] = values === undefined ? 1 : values[p];
      expect(row).toEqual(expected);
    });
    expect(CSRMatrix.fromRows([{ indices: [3] }]).row(0)).toEqual({ indices: Uint32Array.of(3) });
    expect(() => x.row(30)).toThrow("CSRMatrix.row: i must be an integer from 0 to 29, got 30");
    expect(() => x.row(-1)).toThrow("got -1");
  });

  it.each([
    [0, undefined],
    [3, 9],
    [-5, undefined],
    [-9, -2],
    [25, 99],
    [-99, 4],
    [9, 3],
    [30, undefined],
    [4, Infinity],
  ])("slice(%s, %s) is Array's slice", (start, end) => {
    const part = x.slice(start, end);
    expect(dense(part)).toEqual(rows.slice(start, end));
    expect(part.cols).toBe(11);
    expectInvariants(part);
  });

  it("slice refuses positions that are no integers", () => {
    expect(() => x.slice(0.5)).toThrow("CSRMatrix.slice: start and end must be integers, got 0.5");
    expect(() => x.slice(0, NaN)).toThrow("CSRMatrix.slice: start and end must be integers, got NaN");
  });

  it("take gathers rows in any order, repeated or not", () => {
    const order = [7, 0, 29, 7, 7, 13];
    const part = x.take(order);
    expect(dense(part)).toEqual(order.map((i) => rows[i]));
    expectInvariants(part);
    expect(x.take([]).rows).toBe(0);
    expect(() => x.take([0, 30])).toThrow("CSRMatrix.take: rows[1] must be an integer from 0 to 29, got 30");
    expect(() => x.take(3 as never)).toThrow("CSRMatrix.take: rows must be an array of row numbers, got 3");
  });

  it("concat stacks rows, with and without values", () => {
    const ones = randomDense(6, 11, 3, [1]);
    const both = CSRMatrix.concat([CSRMatrix.fromDense(ones), x, CSRMatrix.fromDense(ones)]);
    expect(dense(both)).toEqual([...ones, ...rows, ...ones]);
    expectInvariants(both);
    expect(CSRMatrix.concat([CSRMatrix.fromDense(ones), CSRMatrix.fromDense(ones)]).values).toBe(null);
    expect(CSRMatrix.concat([]).rows).toBe(0);
    expect(() => CSRMatrix.concat([x, CSRMatrix.fromDense([[1]])])).toThrow(
      "CSRMatrix.concat: parts[1].cols must be that of parts[0] (11), got 1",
    );
    expect(() => CSRMatrix.concat([x, rows as never])).toThrow(
      "CSRMatrix.concat: parts[1] must be a CSRMatrix, got array of 30",
    );
  });

  it("a part whose values are all ones carries none", () => {
    const mixed = CSRMatrix.fromRows([{ indices: [0, 1] }, { indices: [1], values: [3] }]);
    expect(mixed.slice(0, 1).values).toBe(null);
    expect(mixed.take([0, 0]).values).toBe(null);
  });
});
