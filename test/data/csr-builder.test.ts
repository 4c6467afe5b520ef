// CSRBuilder: rows one entry at a time.

import { describe, expect, it } from "vitest";
import { CSRBuilder } from "../../src/data/csr-builder.ts";
import { type CSRMatrix, matrixOf } from "../../src/data/csr-matrix.ts";

/** The matrix as an array of dense rows, read entry by entry. */
function dense(x: CSRMatrix): number[][] {
  return Array.from({ length: x.rows }, (_, i) => {
    const row = new Array<number>(x.cols).fill(0);
    for (let p = x.indptr[i]; p < x.indptr[i + 1]; p++)
      row[x.indices[p]] = x.values === null ? 1 : x.values[p];
    return row;
  });
}

describe("CSRBuilder", () => {
  it("starts over after clear, unfinished row included", () => {
    const builder = new CSRBuilder();
    builder.push(9, 2);
    builder.endRow("row");
    builder.push(7, 3);
    builder.clear();
    builder.push(1, 1);
    builder.endRow("row");
    const x = matrixOf(builder.build(undefined, "test"));
    expect(dense(x)).toEqual([[0, 1]]);
    expect(x.values).toBe(null);
  });

  it("lastRow copies the row that was ended last", () => {
    const builder = new CSRBuilder();
    builder.push(4, 2);
    builder.endRow("row");
    builder.push(3, 1);
    builder.push(5, 1);
    builder.endRow("row");
    const row = builder.lastRow();
    builder.clear();
    builder.push(0, 7);
    builder.endRow("row");
    expect(row).toEqual({ indices: Uint32Array.of(3, 5) });
    expect(builder.lastRow()).toEqual({ indices: Uint32Array.of(0), values: Float32Array.of(7) });
  });
});
