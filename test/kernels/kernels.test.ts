// Every kernel against two oracles: naive formulas in float64 (is it the right quantity?) and the contract's
// operations one by one, each rounded to float32, in the stated order (is it the same to the last bit?). And:
// a range writes only what it names, work in two ranges gives the bits of one, padding stays zero.

import { beforeEach, describe, expect, it } from "vitest";
import { sigmoid, tanh } from "../../src/core/math.ts";
import { randomBits, randomKey } from "../../src/core/random.ts";
import type { Tensor } from "../../src/core/tensor.ts";
import { addToSums } from "../../src/kernels/js/bi-interaction.ts";
import type {
  ActivationName,
  Context,
  Kernels,
  NormTensors,
  SparseBatch,
  Update,
} from "../../src/kernels/kernels.ts";
import { Memory } from "../../src/kernels/memory.ts";
import { trainingKernels } from "../../src/kernels/training.ts";
import { biInteraction, linearTerm, numbers, type Row, statistics } from "../reference.ts";

const f = Math.fround;
const WIDTHS = Array.from({ length: 33 }, (_, i) => i + 1);
const SENTINEL = 777;

/** The memory of the running test. */
let memory: Memory;

const bitsOf = ({ buffer, byteOffset, length }: Float32Array): Uint32Array =>
  new Uint32Array(buffer, byteOffset, length);

function integers(values: readonly number[]): Uint32Array {
  const created = memory.allocateIntegers(values.length);
  memory.commit();
  created.data.set(values);
  return created.data;
}

/** A (rows, cols) tensor with zero padding. */
function tensor(
  rows: number,
  cols: number,
  value: (i: number, j: number) => number = () => 0,
  stride?: number,
): Tensor {
  const created = memory.allocate(rows, cols, { stride });
  memory.commit();
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < cols; j++) created.data[i * created.stride + j] = value(i, j);
  return created;
}

const column = (rows: number, value?: (i: number) => number): Tensor => tensor(rows, 1, value, 1);
const at = (x: Tensor, i: number, j: number): number => x.data[i * x.stride + j];
const copy = (x: Tensor): Tensor => ({ ...x, data: x.data.slice() });

/**
 * Equal to the last bit, but for the payload of NaN. Padding must be zero (of either sign), unless the kernel
 * may leave anything there.
 */
function expectBits(
  x: Tensor,
  expected: (i: number, j: number) => number,
  what: string,
  padding: "zero" | "any" = "zero",
): void {
  for (let i = 0; i < x.rows; i++) {
    for (let j = 0; j < x.cols; j++) {
      const [got, wanted] = [at(x, i, j), f(expected(i, j))];
      if (!Object.is(got, wanted)) expect.fail(`${what}[${i}, ${j}] is ${got}, not ${wanted}`);
    }
    for (let j = x.cols; j < x.stride && padding === "zero"; j++) {
      if (at(x, i, j) !== 0) expect.fail(`${what}[${i}, ${j}] is ${at(x, i, j)}, in the padding`);
    }
  }
}

/** Within `tolerance(i, j)` of the float64 value. */
function expectNear(
  x: Tensor,
  expected: (i: number, j: number) => number,
  tolerance: (i: number, j: number) => number,
  what: string,
): void {
  for (let i = 0; i < x.rows; i++) {
    for (let j = 0; j < x.cols; j++) {
      const error = Math.abs(at(x, i, j) - expected(i, j));
      const allowed = tolerance(i, j); // NaN: not compared
      if (!(error <= allowed) && !Number.isNaN(allowed))
        expect.fail(`${what}[${i}, ${j}] is ${at(x, i, j)}, not ${expected(i, j)}`);
    }
  }
}

/** Sums of n rounded terms: n + 3 roundings of 2^-24 each, relative to the sum of magnitudes. */
const rounding = (n: number, magnitude: number): number => (n + 3) * 2 ** -23 * magnitude + 1e-38;

function sparseBatch(rows: readonly Row[], binary: boolean): SparseBatch {
  const indices = rows.flatMap((row) => row.indices);
  const touched = [...new Set(indices)];
  const indptr = [0];
  for (const row of rows) indptr.push(indptr[indptr.length - 1] + row.indices.length);
  const given = rows.flatMap((row) => row.values);
  const values = tensor(1, given.length, (_, p) => given[p], given.length).data;
  return {
    rows: rows.length,
    indptr: integers(indptr),
    indices: integers(indices),
    values: binary ? null : values,
    touched: integers(touched),
    touchedCount: touched.length,
    slots: integers(indices.map((index) => touched.indexOf(index))),
    context: null,
  };
}

const N = 12;

/** Ragged rows: empty, one feature, many; features shared among rows; values negative, tiny and large. */
function raggedRows(binary: boolean): Row[] {
  const lists = [
    [3, 0, 7],
    [],
    [5],
    [7, 3, 1, 2, 11, 4, 9],
    [],
    [0, 1],
    [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    [3],
  ];
  const values = [1, -0.7, 2.5, 1e-3, -13, 0.1, 600, 1, -1, 0.3];
  return lists.map((indices, i) => ({
    indices,
    values: indices.map((_, p) => (binary ? 1 : f(values[(i * 3 + p) % 10]))),
  }));
}

/** The entries of each row with their position: what the literal loops below walk over. */
const entriesOf = (rows: readonly Row[]) =>
  rows.flatMap(({ indices, values }, b) => indices.map((index, p) => ({ b, index, x: values[p] })));

const random = (seed: number, low = -1, high = 1): ((i: number, j?: number) => number) => {
  const next = numbers(seed);
  return () => next(low, high);
};

/** About half zeros of either sign among numbers. */
const withZeros = (seed: number): (() => number) => {
  const next = numbers(seed);
  return () => {
    const u = next();
    return u < 0.25 ? 0 : u < 0.5 ? -0 : next(-1, 1);
  };
};

function normTensors(k: number, seed: number): NormTensors {
  return {
    scale: tensor(1, k, random(seed, 0.5, 1.5)),
    shift: tensor(1, k, random(seed + 1)),
    runningMean: tensor(1, k, random(seed + 2)),
    runningVariance: tensor(1, k, random(seed + 3, 0.1, 2)),
    mean: tensor(1, k, () => SENTINEL),
    inverseStd: tensor(1, k, () => SENTINEL),
  };
}

const sumFrom = (start: number, n: number, term: (i: number) => number): number => {
  let s = start;
  for (let i = 0; i < n; i++) s = f(s + f(term(i)));
  return s;
};
const sum = (n: number, term: (i: number) => number): number => sumFrom(0, n, term);

describe.each(["js", "wasm"] as const)("kernels %s", (backend) => {
  const origin = new Memory(backend);
  origin.addKernels(trainingKernels);
  let kernels: Kernels;
  beforeEach(() => {
    memory = origin.fork();
    kernels = memory.addKernels(trainingKernels);
    const room = memory.allocate(1, 2 ** 20); // so that the memory never grows again, and views keep valid
    memory.commit();
    memory.resize(room, 0);
    memory.commit();
  });

  it("say whose they are", () => expect(kernels.name).toBe(backend));

  describe.each([true, false])("on ragged rows, all ones: %s", (binary) => {
    const rows = raggedRows(binary);
    const entries = entriesOf(rows);
    let batch: SparseBatch;
    beforeEach(() => {
      batch = sparseBatch(rows, binary);
    });

    it("linearForward sums w x over the entries in order", () => {
      const w = column(N, random(1));
      const out = column(rows.length, () => SENTINEL);
      kernels.linearForward(batch, w, out, 0, rows.length);
      expectBits(
        out,
        (b) => sum(rows[b].indices.length, (p) => w.data[rows[b].indices[p]] * rows[b].values[p]),
        "linear",
      );
      const magnitude = ({ indices, values }: Row): number =>
        linearTerm({ indices, values: values.map(Math.abs) }, 0, w.data.map(Math.abs));
      expectNear(
        out,
        (b) => linearTerm(rows[b], 0, w.data),
        (b) => rounding(12, magnitude(rows[b])),
        "linear",
      );
    });

    it("linearBackward sums per touched feature in batch order, whatever stood there before", () => {
      const [dScores, dw] = [column(rows.length, random(2)), column(batch.touchedCount + 2, () => SENTINEL)];
      kernels.linearBackward(batch, dScores, dw, 0, batch.touchedCount);
      expectBits(
        dw,
        (t) => {
          const own = entries.filter((entry) => entry.index === batch.touched[t]);
          return t < batch.touchedCount
            ? sum(own.length, (i) => dScores.data[own[i].b] * own[i].x)
            : SENTINEL;
        },
        "dw",
      );
    });

    it.each(WIDTHS)("biInteractionForward pools pairs, K = %i", (k) => {
      const v = tensor(N, k, random(k));
      const [sums, pooled, squares] = [0, 1, 2].map(() => tensor(rows.length, k, () => SENTINEL));
      kernels.biInteractionForward(batch, v, sums, pooled, squares, 0, rows.length);
      const terms = (b: number, j: number): number[] =>
        rows[b].indices.map((index, p) => f(rows[b].values[p] * at(v, index, j)));
      const total = (b: number, j: number): number => {
        const t = terms(b, j);
        return sum(t.length, (i) => t[i]);
      };
      expectBits(sums, total, "sums");
      expectBits(
        pooled,
        (b, j) => {
          const t = terms(b, j);
          return 0.5 * f(f(total(b, j) * total(b, j)) - sum(t.length, (i) => t[i] * t[i]));
        },
        "pooled",
      );
      expectBits(
        squares,
        (b, j) => {
          const t = terms(b, j);
          return sum(t.length, (i) => t[i] * t[i]);
        },
        "squares",
      );
      const [sums2, pooled2] = [0, 1].map(() => tensor(rows.length, k, () => SENTINEL));
      kernels.biInteractionForward(batch, v, sums2, pooled2, null, 0, rows.length);
      expectBits(sums2, (b, j) => at(sums, b, j), "sums without squares");
      expectBits(pooled2, (b, j) => at(pooled, b, j), "pooled without squares");
      const packed = Float64Array.from({ length: N * k }, (_, i) => at(v, Math.floor(i / k), i % k));
      const naive = rows.map((row) => biInteraction(row, packed, k));
      const magnitude = (b: number, j: number): number =>
        terms(b, j).reduce((s, t) => s + Math.abs(t), 0) ** 2;
      expectNear(
        pooled,
        (b, j) => naive[b][j],
        (b, j) => rounding(2 * 12, magnitude(b, j)),
        "pooled",
      );
    });

    it.each(WIDTHS)("forward passes go on where a context's sums end, K = %i", (k) => {
      const [w, v] = [column(N, random(1)), tensor(N, k, random(k))];
      const run = (given: SparseBatch): Tensor[] => {
        const linear = column(given.rows, () => SENTINEL);
        const [sums, pooled, squares] = [0, 1, 2].map(() => tensor(given.rows, k, () => SENTINEL));
        kernels.linearForward(given, w, linear, 0, given.rows);
        kernels.biInteractionForward(given, v, sums, pooled, squares, 0, given.rows);
        return [linear, sums, pooled, squares];
      };
      const terms = ({ indices, values }: Row, j: number): number[] =>
        indices.map((index, p) => f(values[p] * at(v, index, j)));

      // Any sums, of no row at all: the operations one by one.
      const context: Context = {
        linear: tensor(1, 1, random(2)),
        sums: tensor(1, k, random(3)),
        squares: tensor(1, k, random(4, 0, 2)),
      };
      const [linear, sums, pooled, squares] = run({ ...batch, context });
      expectBits(
        linear,
        (b) =>
          sumFrom(
            context.linear.data[0],
            rows[b].indices.length,
            (p) => w.data[rows[b].indices[p]] * rows[b].values[p],
          ),
        "linear",
      );
      const total = (b: number, j: number): number => {
        const t = terms(rows[b], j);
        return sumFrom(context.sums.data[j], t.length, (i) => t[i]);
      };
      expectBits(sums, total, "sums");
      expectBits(
        pooled,
        (b, j) => {
          const t = terms(rows[b], j);
          return (
            0.5 *
            f(f(total(b, j) * total(b, j)) - sumFrom(context.squares.data[j], t.length, (i) => t[i] * t[i]))
          );
        },
        "pooled",
      );
      const totalSquares = (b: number, j: number): number => {
        const t = terms(rows[b], j);
        return sumFrom(context.squares.data[j], t.length, (i) => t[i] * t[i]);
      };
      expectBits(squares, totalSquares, "squares");

      // The sums of a row: the bits of that row and each other one in one, which are near the double sum over
      // pairs.
      const shared: Row = {
        indices: [6, 2, 9, 0],
        values: binary ? [1, 1, 1, 1] : [f(0.4), -3, f(1e-3), 50],
      };
      const joined = rows.map(
        ({ indices, values }): Row => ({
          indices: [...shared.indices, ...indices],
          values: [...shared.values, ...values],
        }),
      );
      const own: Context = {
        linear: tensor(1, 1, () => sum(4, (p) => w.data[shared.indices[p]] * shared.values[p])),
        sums: tensor(1, k, (_, j) => {
          const t = terms(shared, j);
          return sum(4, (i) => t[i]);
        }),
        squares: tensor(1, k, (_, j) => {
          const t = terms(shared, j);
          return sum(4, (i) => t[i] * t[i]);
        }),
      };
      // The kernels themselves sum the shared row to the same context.
      const [summed, summedSums, , summedSquares] = run(sparseBatch([shared], binary));
      expectBits(summed, () => own.linear.data[0], "linear of the context");
      expectBits(summedSums, (_, j) => own.sums.data[j], "sums of the context");
      expectBits(summedSquares, (_, j) => own.squares.data[j], "squares of the context");
      const [got, whole] = [run({ ...batch, context: own }), run(sparseBatch(joined, binary))];
      got.forEach((output, o) => expectBits(output, (i, j) => at(whole[o], i, j), `output ${o}`));
      const packed = Float64Array.from({ length: N * k }, (_, i) => at(v, Math.floor(i / k), i % k));
      const naive = joined.map((row) => biInteraction(row, packed, k));
      const magnitude = (b: number, j: number): number =>
        terms(joined[b], j).reduce((s, t) => s + Math.abs(t), 0) ** 2;
      expectNear(
        got[2],
        (b, j) => naive[b][j],
        (b, j) => rounding(2 * 16, magnitude(b, j)),
        "pooled",
      );
    });

    it.each(WIDTHS)("partsBackward sums per touched feature in batch order, K = %i", (k) => {
      const v = tensor(N, k, random(k));
      const [a, d] = [tensor(rows.length, k, random(k + 1)), tensor(rows.length, k, random(k + 2))];
      const dV = tensor(batch.touchedCount + 1, k, () => SENTINEL);
      kernels.partsBackward(batch, v, a, d, dV, 0, batch.touchedCount);
      expectBits(
        dV,
        (t, j) => {
          if (t >= batch.touchedCount) return SENTINEL;
          const own = entries.filter((entry) => entry.index === batch.touched[t]);
          return sum(own.length, (i) => {
            const { b, index, x } = own[i];
            return f(f(at(a, b, j) - f(f(x * at(v, index, j)) * at(d, b, j))) * x);
          });
        },
        "dV",
      );
    });

    it.each(WIDTHS)("biInteractionBackward sums per touched feature in batch order, K = %i", (k) => {
      const v = tensor(N, k, random(k));
      const [sums, pooled] = [tensor(rows.length, k), tensor(rows.length, k)];
      const dPooled = tensor(rows.length, k, random(k + 100));
      const dV = tensor(batch.touchedCount + 1, k, () => SENTINEL);
      kernels.biInteractionForward(batch, v, sums, pooled, null, 0, rows.length);
      kernels.biInteractionBackward(batch, v, sums, dPooled, dV, 0, batch.touchedCount);
      const own = (t: number) => entries.filter((entry) => entry.index === batch.touched[t]);
      expectBits(
        dV,
        (t, j) => {
          if (t >= batch.touchedCount) return SENTINEL;
          return sum(own(t).length, (i) => {
            const { b, index, x } = own(t)[i];
            return f(f(at(sums, b, j) - f(x * at(v, index, j))) * at(dPooled, b, j)) * x;
          });
        },
        "dV",
      );
      const others = ({ b, index }: { b: number; index: number }, j: number): number =>
        rows[b].indices.reduce(
          (s, other, p) => s + (other === index ? 0 : rows[b].values[p] * at(v, other, j)),
          0,
        );
      const gradient = (t: number, j: number): number =>
        t < batch.touchedCount
          ? own(t).reduce((s, entry) => s + others(entry, j) * at(dPooled, entry.b, j) * entry.x, 0)
          : SENTINEL;
      const size = (b: number): number => rows[b].values.reduce((m, value) => m + Math.abs(value), 0);
      const magnitude = (t: number): number =>
        t < batch.touchedCount ? own(t).reduce((s, { b, x }) => s + size(b) * Math.abs(x), 0) : 1;
      expectNear(dV, gradient, (t) => rounding(24, magnitude(t)), "dV");
    });
  });

  it("biInteraction keeps the stated order where sums overflow", () => {
    const rows: Row[] = [
      { indices: [0, 1, 2], values: [1e20, -1e20, 3e19] },
      { indices: [2, 0], values: [3e38, 1] },
    ];
    const v = tensor(N, 5, (i, j) => 1 + i + j);
    const [sums, pooled] = [tensor(2, 5), tensor(2, 5)];
    kernels.biInteractionForward(sparseBatch(rows, false), v, sums, pooled, null, 0, 2);
    expectBits(
      pooled,
      (b, j) => {
        const t = rows[b].indices.map((index, p) => f(f(rows[b].values[p]) * at(v, index, j)));
        const s = sum(t.length, (i) => t[i]);
        return 0.5 * f(f(s * s) - sum(t.length, (i) => t[i] * t[i]));
      },
      "pooled",
    );
    expect(pooled.data.some((value) => Number.isNaN(value))).toBe(true);
  });

  const product = (
    a: (p: number) => number,
    b: (p: number) => number,
    depth: number,
    bias: number | null,
  ): number => {
    const s = sum(depth, (p) => a(p) * b(p));
    return bias === null ? s : s + bias;
  };

  it.each(
    WIDTHS,
  )("matmul sums over ascending p, then adds the bias; zeros of a change nothing; %i columns", (n) => {
    for (const depth of [1, 3, 8, 17]) {
      const a = tensor(5, depth, withZeros(n));
      const b = tensor(depth, n, random(n + depth));
      const bias = tensor(1, n, random(3));
      for (const added of [null, bias]) {
        const c = tensor(5, n, () => SENTINEL);
        kernels.matmul(c, a, b, added, 0, 5);
        expectBits(
          c,
          (i, j) =>
            product(
              (p) => at(a, i, p),
              (p) => at(b, p, j),
              depth,
              added && bias.data[j],
            ),
          `c, depth ${depth}`,
        );
        const exact = (i: number, j: number, size: (x: number) => number): number =>
          Array.from({ length: depth }).reduce(
            (s: number, _, p) => s + size(at(a, i, p) * at(b, p, j)),
            added ? size(bias.data[j]) : 0,
          );
        expectNear(
          c,
          (i, j) => exact(i, j, (x) => x),
          (i, j) => rounding(depth, exact(i, j, Math.abs)),
          "c",
        );
      }
    }
  });

  it("matmul multiplies zeros with infinities and NaN as IEEE 754 does, and forgets them afterwards", () => {
    const special = [Infinity, -Infinity, NaN, 1, -2, 0, -0];
    for (const odd of special) {
      const a = tensor(4, 6, (i, p) => [0, -0, 1, Infinity, -3, 2][(i + p) % 6]);
      const b = tensor(6, 11, (p, j) => ((p * 11 + j) % 7 === 3 ? odd : p - j));
      const c = tensor(4, 11, () => SENTINEL);
      kernels.matmul(c, a, b, null, 0, 4);
      expectBits(
        c,
        (i, j) =>
          product(
            (p) => at(a, i, p),
            (p) => at(b, p, j),
            6,
            null,
          ),
        `c with ${odd}`,
        "any",
      ); // infinity times the zeros of the padding is NaN
    }
    const a = tensor(2, 3, withZeros(9));
    const b = tensor(3, 9, random(8));
    const c = tensor(2, 9);
    kernels.matmul(c, a, b, null, 0, 2);
    expectBits(
      c,
      (i, j) =>
        product(
          (p) => at(a, i, p),
          (p) => at(b, p, j),
          3,
          null,
        ),
      "c afterwards",
    );
  });

  it("matmul gives +0 where every product is a zero of either sign, and -0 plus a bias of -0 too", () => {
    const c = tensor(1, 9, () => SENTINEL);
    kernels.matmul(
      c,
      tensor(1, 2, () => -0),
      tensor(2, 9, () => 5),
      tensor(1, 9, () => -0),
      0,
      1,
    );
    expectBits(c, () => 0, "c");
  });

  it.each(WIDTHS)("matmulTransposed sums over the first `depth` rows alone, %i columns", (n) => {
    for (const [depth, m] of [
      [1, 1],
      [4, 3],
      [9, 6],
    ]) {
      const a = tensor(depth + 2, m, withZeros(n));
      const b = tensor(depth + 2, n, random(n));
      for (let i = depth; i < depth + 2; i++) {
        a.data[i * a.stride] = 1;
        b.data.fill(NaN, i * b.stride, i * b.stride + n);
      }
      const c = tensor(m, n, () => SENTINEL);
      kernels.matmulTransposed(c, a, b, depth, 0, m);
      expectBits(
        c,
        (i, j) =>
          product(
            (p) => at(a, p, i),
            (p) => at(b, p, j),
            depth,
            null,
          ),
        `c, depth ${depth}`,
      );
    }
  });

  it("matmulTransposed takes a column of scores, whose rows are one float apart", () => {
    const [dScores, y] = [column(7, random(1)), tensor(7, 6, random(2))];
    const c = tensor(1, 6, () => SENTINEL);
    kernels.matmulTransposed(c, dScores, y, 7, 0, 1);
    expectBits(
      c,
      (_, j) =>
        product(
          (p) => dScores.data[p],
          (p) => at(y, p, j),
          7,
          null,
        ),
      "c",
    );
  });

  it.each(WIDTHS)("transpose moves (i, j) to (j, i), %i columns", (n) => {
    const x = tensor(5, n, random(n));
    const out = tensor(n, 5, () => SENTINEL);
    kernels.transpose(out, x);
    expectBits(out, (i, j) => at(x, j, i), "out");
  });

  it.each(WIDTHS)("columnSums sums the first rows in order, %i columns", (n) => {
    const x = tensor(9, n, (i) => (i > 6 ? NaN : [1e8, 1, -1e8, 0.1, 3, -0.7, 1e-9][i] * (i + 1)));
    const out = tensor(1, n, () => SENTINEL);
    kernels.columnSums(out, x, 7, 0, n);
    expectBits(out, (_, j) => sum(7, (i) => at(x, i, j)), "out");
  });

  const inverse = (variance: number): number => f(1 / f(Math.sqrt(f(variance + f(1e-3)))));

  const ACTIVATIONS: readonly ActivationName[] = ["relu", "tanh", "sigmoid"];
  const derivative = (name: ActivationName, y: number): number =>
    name === "tanh" ? f(1 - f(y * y)) : f(y * f(1 - y));
  const SPECIAL = [
    0,
    -0,
    1e-45,
    -1e-45,
    1e-38,
    -1e-38,
    1,
    -1,
    0.2,
    -0.3,
    20,
    -20,
    3e38,
    -3e38,
    Infinity,
    -Infinity,
    NaN,
  ];

  it("relu is x > 0 ? x : 0, and NaN for NaN of either sign", () => {
    const x = tensor(1, SPECIAL.length + 2, (_, j) => SPECIAL[j]);
    bitsOf(x.data).set([0xffc00000, 0xff800001], SPECIAL.length);
    const y = tensor(1, x.cols, () => SENTINEL);
    kernels.activationForward("relu", y, x, 0, 1);
    expectBits(
      y,
      (_, j) => (j >= SPECIAL.length || Number.isNaN(SPECIAL[j]) ? NaN : SPECIAL[j] > 0 ? f(SPECIAL[j]) : 0),
      "y",
    );
  });

  it("relu passes the gradient where y > 0 and blocks it elsewhere, NaN included", () => {
    const y = tensor(SPECIAL.length, SPECIAL.length + 1, (i) => SPECIAL[i]);
    bitsOf(y.data)[SPECIAL.length] = 0xffc00000;
    const dY = tensor(SPECIAL.length, SPECIAL.length + 1, (_, j) => SPECIAL[j] ?? 3);
    const dX = tensor(SPECIAL.length, SPECIAL.length + 1, () => SENTINEL);
    kernels.activationBackward("relu", dX, y, dY, 0, y.rows);
    expectBits(dX, (i, j) => (at(y, i, j) > 0 ? at(dY, i, j) : 0), "dX");
  });

  it.each([
    "tanh",
    "sigmoid",
  ] as const)("%s is rounded once from float64, its derivative comes from y", (name) => {
    const x = tensor(7, SPECIAL.length, (i, j) => SPECIAL[j] * [1, 0.1, 0.5, 2, 3.3, 7, -1][i]);
    const [y, dX] = [tensor(7, x.cols, () => SENTINEL), tensor(7, x.cols, () => SENTINEL)];
    const dY = tensor(7, x.cols, random(4));
    kernels.activationForward(name, y, x, 0, 7);
    kernels.activationBackward(name, dX, y, dY, 0, 7);
    expectBits(y, (i, j) => (name === "tanh" ? tanh : sigmoid)(at(x, i, j)), "y");
    expectBits(dX, (i, j) => at(dY, i, j) * derivative(name, at(y, i, j)), "dX");
    // Half an ulp of float32, and sigmoid's underflow to 0 where e^x has no float32.
    const exact = (v: number): number => (name === "tanh" ? Math.tanh(v) : 1 / (1 + Math.exp(-v)));
    expectNear(
      y,
      (i, j) => exact(at(x, i, j)),
      (i, j) => (Number.isNaN(at(x, i, j)) ? NaN : 2 ** -24),
      "y",
    );
  });

  it.each(
    WIDTHS,
  )("batchStatistics takes mean and biased variance of the first rows, and moves the running averages, K = %i", (k) => {
    for (const rows of [1, 2, 7]) {
      const x = tensor(rows + 1, k, (i) => (i === rows ? NaN : 0));
      const next = numbers(k * rows);
      for (let i = 0; i < rows; i++) for (let j = 0; j < k; j++) x.data[i * x.stride + j] = next(-2, 3);
      const norm = normTensors(k, k);
      const [scale, shift, runningMean, runningVariance] = [
        norm.scale,
        norm.shift,
        norm.runningMean,
        norm.runningVariance,
      ].map(copy);
      const y = tensor(rows, k, () => SENTINEL);
      const mean = (j: number): number => f(sum(rows, (i) => at(x, i, j)) / rows);
      const variance = (j: number): number => f(sum(rows, (i) => f(at(x, i, j) - mean(j)) ** 2) / rows);

      kernels.batchStatistics(x, norm, rows, 1e-3, 0.1, 0, k);
      expectBits(norm.mean, (_, j) => mean(j), "mean");
      expectBits(norm.inverseStd, (_, j) => inverse(variance(j)), "inverseStd", "any"); // it only ever multiplies zeros there
      const moved = (from: number, to: number): number => from + f(f(0.1) * f(to - from));
      expectBits(norm.runningMean, (_, j) => moved(runningMean.data[j], mean(j)), "runningMean");
      expectBits(
        norm.runningVariance,
        (_, j) => moved(runningVariance.data[j], variance(j)),
        "runningVariance",
      );
      kernels.normalize(y, x, norm, 0, rows);
      expectBits(
        y,
        (i, j) => f(f(f(f(at(x, i, j) - mean(j)) * inverse(variance(j))) * scale.data[j]) + shift.data[j]),
        "y",
      );
      const exact = statistics(
        Array.from({ length: rows }, (_, i) => Array.from({ length: k }, (_, j) => at(x, i, j))),
      );
      // Numbers of order 1, about ten roundings, divided by a deviation of at least sqrt(1e-3).
      const naive = (i: number, j: number): number =>
        ((at(x, i, j) - exact.mean[j]) / Math.sqrt(exact.variance[j] + 1e-3)) * scale.data[j] + shift.data[j];
      expectNear(y, naive, () => 1e-4, "y");
    }
  });

  it.each(WIDTHS)("runningStatistics takes the running averages and leaves them alone, K = %i", (k) => {
    const norm = normTensors(k, k);
    const [runningMean, runningVariance] = [copy(norm.runningMean), copy(norm.runningVariance)];
    kernels.runningStatistics(norm, 1e-3, 0, k);
    expectBits(norm.mean, (_, j) => runningMean.data[j], "mean");
    expectBits(norm.inverseStd, (_, j) => inverse(runningVariance.data[j]), "inverseStd", "any"); // it only ever multiplies zeros there
    expectBits(norm.runningMean, (_, j) => runningMean.data[j], "runningMean");
    expectBits(norm.runningVariance, (_, j) => runningVariance.data[j], "runningVariance");
  });

  it.each(
    WIDTHS,
  )("normalize applies the statistics that it is given to the first rows and changes nothing else, K = %i", (k) => {
    const [rows, norm] = [5, normTensors(k, 3)];
    for (const [x, name] of [
      [norm.mean, 1],
      [norm.inverseStd, 2],
    ] as const)
      for (let j = 0; j < k; j++) x.data[j] = random(name + k * j)(j);
    const before = Object.values(norm).map(copy);
    const [x, y] = [tensor(rows + 1, k, random(k)), tensor(rows + 1, k, () => SENTINEL)];
    kernels.normalize(y, x, norm, 0, rows);
    expectBits(
      y,
      (i, j) => {
        if (i === rows) return SENTINEL;
        return f(
          f(f(f(at(x, i, j) - norm.mean.data[j]) * norm.inverseStd.data[j]) * norm.scale.data[j]) +
            norm.shift.data[j],
        );
      },
      "y",
    );
    Object.values(norm).forEach((tensor: Tensor, t) =>
      expectBits(tensor, (i, j) => at(before[t], i, j), Object.keys(norm)[t]),
    );
  });

  it.each(WIDTHS)("batchNormBackward follows the contract's formula, K = %i", (k) => {
    const rows = 6;
    const [x, dY] = [tensor(rows + 1, k, random(k)), tensor(rows + 1, k, random(k + 1))];
    x.data.fill(NaN, rows * x.stride, rows * x.stride + k);
    dY.data.fill(NaN, rows * x.stride, rows * x.stride + k);
    const norm = normTensors(k, 5);
    kernels.batchStatistics(x, norm, rows, 1e-3, 0.1, 0, k);
    const [dX, dScale, dShift] = [
      tensor(rows, k, () => SENTINEL),
      tensor(1, k, () => SENTINEL),
      tensor(1, k, () => SENTINEL),
    ];
    kernels.batchNormBackward(dX, dScale, dShift, x, dY, norm, rows, 0, k);
    const n = (i: number, j: number): number =>
      f(f(at(x, i, j) - norm.mean.data[j]) * norm.inverseStd.data[j]);
    const shift = (j: number): number => sum(rows, (i) => at(dY, i, j));
    const scale = (j: number): number => sum(rows, (i) => at(dY, i, j) * n(i, j));
    expectBits(dShift, (_, j) => shift(j), "dShift");
    expectBits(dScale, (_, j) => scale(j), "dScale");
    expectBits(
      dX,
      (i, j) => {
        const factor = f(norm.scale.data[j] * norm.inverseStd.data[j]);
        return factor * f(f(at(dY, i, j) - f(shift(j) / rows)) - f(n(i, j) * f(scale(j) / rows)));
      },
      "dX",
    );
  });

  it.each([
    0, 0.2, 0.5, 0.97,
  ])("dropoutForward drops by the bits of (key, element) and scales the rest, rate %d", (rate) => {
    for (const k of [1, 5, 16, 33]) {
      const key = randomKey(7, 3, 11, 2);
      const x = tensor(40, k, withZeros(k));
      const [y, mask] = [tensor(40, k, () => SENTINEL), tensor(40, k, () => SENTINEL)];
      kernels.dropoutForward(y, mask, x, key, rate, 0, 40);
      const threshold = Math.round(rate * (2 ** 31 - 1));
      const factor = (i: number, j: number): number =>
        Math.floor(randomBits(key, i * k + j) / 2) < threshold ? 0 : f(1 / (1 - rate));
      expectBits(mask, factor, "mask", "any"); // it only ever multiplies zeros there
      expectBits(y, (i, j) => at(x, i, j) * factor(i, j), "y");
    }
  });

  it("dropoutForward drops the share it was asked for", () => {
    const x = tensor(400, 64, () => 1);
    const y = tensor(400, 64);
    for (const rate of [0.1, 0.5, 0.9]) {
      kernels.dropoutForward(y, tensor(400, 64), x, randomKey(1, 3), rate, 0, 400);
      const dropped = y.data.filter((value) => value === 0).length / y.data.length;
      expect(Math.abs(dropped - rate)).toBeLessThan(4 * Math.sqrt((rate * (1 - rate)) / y.data.length)); // four standard deviations
    }
  });

  it.each(WIDTHS)("multiply, scoreForward and scoreBackward, K = %i", (k) => {
    const rows = 5;
    const [a, b, h] = [
      tensor(rows, k, withZeros(k)),
      tensor(rows, k, random(k)),
      tensor(1, k, random(k + 7)),
    ];
    const [out, dY] = [tensor(rows, k, () => SENTINEL), tensor(rows, k, () => SENTINEL)];
    const [linear, scores, dScores] = [
      column(rows, random(5)),
      column(rows, () => SENTINEL),
      column(rows, random(6)),
    ];
    const bias = tensor(1, 1, () => 0.3);
    kernels.multiply(out, a, b, 0, rows);
    expectBits(out, (i, j) => at(a, i, j) * at(b, i, j), "out");
    kernels.scoreForward(scores, bias, linear, b, h, 0, rows);
    const part = (i: number, m: number): number =>
      sum(Math.max(0, Math.ceil((k - m) / 4)), (q) => at(b, i, 4 * q + m) * h.data[4 * q + m]);
    expectBits(
      scores,
      (i) => f(f(0.3) + linear.data[i]) + f(f(part(i, 0) + part(i, 2)) + f(part(i, 1) + part(i, 3))),
      "scores",
    );
    const exact = (i: number, size: (x: number) => number): number =>
      Array.from({ length: k }).reduce(
        (s: number, _, j) => s + size(at(b, i, j) * h.data[j]),
        size(f(0.3)) + size(linear.data[i]),
      );
    expectNear(
      scores,
      (i) => exact(i, (x) => x),
      (i) => rounding(k, exact(i, Math.abs)),
      "scores",
    );
    kernels.scoreBackward(dY, dScores, h, 0, rows);
    expectBits(dY, (i, j) => dScores.data[i] * h.data[j], "dY");
  });

  describe.each([0, 0.01])("optimizers, l2 = %d", (l2) => {
    const decayed = (g: number, theta: number): number => (l2 === 0 ? g : f(g + f(f(l2) * theta)));

    function update(
      k: number,
      table: boolean,
      state: number | null,
    ): { given: Update; before: Update; rowOf: (i: number) => number } {
      const rows = table ? integers([4, 0, 3, 2]) : null; // count says that the last one is not in use
      const stride = table && k === 1 ? 1 : undefined;
      const given: Update = {
        theta: tensor(6, k, random(k), stride),
        state: state === null ? null : tensor(6, k, random(k + 1, state, state + 2), stride),
        gradient: tensor(4, k, withZeros(k + 2), stride),
        rows,
        count: 3,
        l2,
      };
      const before = { ...given, theta: copy(given.theta), state: given.state && copy(given.state) };
      return {
        given,
        before,
        rowOf: (i) => (rows === null ? (i < 3 ? i : -1) : rows.subarray(0, 3).indexOf(i)),
      };
    }

    it.each(WIDTHS)("adagrad moves each named row once, and no other, K = %i", (k) => {
      for (const table of [true, false]) {
        const { given, before, rowOf } = update(k, table, 1e-8);
        kernels.adagrad(given, 0.05);
        const g = (i: number, j: number): number =>
          decayed(at(given.gradient, rowOf(i), j), at(before.theta, i, j));
        const total = (i: number, j: number): number => f(at(before.state!, i, j) + f(g(i, j) * g(i, j)));
        expectBits(given.state!, (i, j) => (rowOf(i) < 0 ? at(before.state!, i, j) : total(i, j)), "state");
        expectBits(
          given.theta,
          (i, j) => {
            const theta = at(before.theta, i, j);
            return rowOf(i) < 0 ? theta : theta - f(f(f(0.05) * g(i, j)) / f(Math.sqrt(total(i, j))));
          },
          "theta",
        );
      }
    });

    it.each(WIDTHS)("sgd moves each named row once, with and without momentum, K = %i", (k) => {
      for (const table of [true, false]) {
        for (const momentum of [0, 0.9]) {
          const { given, before, rowOf } = update(k, table, momentum > 0 ? -1 : null);
          kernels.sgd(given, 0.05, momentum);
          const velocity = (i: number, j: number): number => {
            const g = decayed(at(given.gradient, rowOf(i), j), at(before.theta, i, j));
            return before.state === null ? g : f(f(f(momentum) * at(before.state, i, j)) + g);
          };
          if (given.state)
            expectBits(
              given.state,
              (i, j) => (rowOf(i) < 0 ? at(before.state!, i, j) : velocity(i, j)),
              "state",
            );
          expectBits(
            given.theta,
            (i, j) => at(before.theta, i, j) - (rowOf(i) < 0 ? 0 : f(f(0.05) * velocity(i, j))),
            "theta",
          );
        }
      }
    });
  });

  // Every kernel that takes a range: `build` makes the same operands each time, outputs full of sentinels.
  interface Ranged {
    readonly name: string;
    readonly axis: "rows" | "columns";
    readonly size: number;
    build(): { readonly outputs: readonly Tensor[]; run(start: number, end: number): void };
  }

  function rangedKernels(k: number): Ranged[] {
    const rows = raggedRows(false);
    const batch = sparseBatch(rows, false);
    const B = rows.length;
    const v = tensor(N, k, random(1));
    const [x, y, h] = [tensor(B, k, random(2)), tensor(B, k, random(3)), tensor(1, k, random(4))];
    const [square, bias] = [tensor(k, k, random(5)), tensor(1, k, random(6))];
    const [w, linear, one] = [column(N, random(7)), column(B, random(8)), tensor(1, 1, () => 0.5)];
    const context: Context = {
      linear: one,
      sums: tensor(1, k, random(12)),
      squares: tensor(1, k, random(13)),
    };
    const out = (count = B, width = k): Tensor => tensor(count, width, () => SENTINEL);
    const scores = (): Tensor => column(B, () => SENTINEL);
    const single = (
      name: string,
      axis: Ranged["axis"],
      size: number,
      make: () => Tensor,
      run: (o: Tensor, start: number, end: number) => void,
    ): Ranged => ({
      name,
      axis,
      size,
      build: () => {
        const o = make();
        return { outputs: [o], run: (start, end) => run(o, start, end) };
      },
    });
    const statistics = (
      name: string,
      run: (norm: NormTensors, start: number, end: number) => void,
    ): Ranged => ({
      name,
      axis: "columns",
      size: k,
      build: () => {
        const norm = normTensors(k, 9);
        return { outputs: Object.values(norm) as Tensor[], run: (s, e) => run(norm, s, e) };
      },
    });
    const given = {
      ...normTensors(k, 9),
      mean: tensor(1, k, random(14)),
      inverseStd: tensor(1, k, random(15)),
    };
    return [
      single("linearForward", "rows", B, scores, (o, s, e) => kernels.linearForward(batch, w, o, s, e)),
      {
        name: "biInteractionForward",
        axis: "rows",
        size: B,
        build: () => {
          const [sums, pooled, squares] = [out(), out(), out()];
          return {
            outputs: [sums, pooled, squares],
            run: (s, e) => kernels.biInteractionForward(batch, v, sums, pooled, squares, s, e),
          };
        },
      },
      single("linearForward in a context", "rows", B, scores, (o, s, e) =>
        kernels.linearForward({ ...batch, context }, w, o, s, e),
      ),
      {
        name: "biInteractionForward in a context",
        axis: "rows",
        size: B,
        build: () => {
          const [sums, pooled, squares] = [out(), out(), out()];
          return {
            outputs: [sums, pooled, squares],
            run: (s, e) =>
              kernels.biInteractionForward({ ...batch, context }, v, sums, pooled, squares, s, e),
          };
        },
      },
      single(
        "linearBackward",
        "rows",
        batch.touchedCount,
        () => column(batch.touchedCount + 1, () => SENTINEL),
        (o, s, e) => kernels.linearBackward(batch, linear, o, s, e),
      ),
      single(
        "biInteractionBackward",
        "rows",
        batch.touchedCount,
        () => out(batch.touchedCount + 1),
        (o, s, e) => kernels.biInteractionBackward(batch, v, x, y, o, s, e),
      ),
      single(
        "partsBackward",
        "rows",
        batch.touchedCount,
        () => out(batch.touchedCount + 1),
        (o, s, e) => kernels.partsBackward(batch, v, x, y, o, s, e),
      ),
      single("matmul", "rows", B, out, (o, s, e) => kernels.matmul(o, x, square, bias, s, e)),
      single(
        "matmulTransposed",
        "rows",
        k,
        () => out(k),
        (o, s, e) => kernels.matmulTransposed(o, x, y, B, s, e),
      ),
      single(
        "columnSums",
        "columns",
        k,
        () => out(1),
        (o, s, e) => kernels.columnSums(o, x, B, s, e),
      ),
      ...ACTIVATIONS.flatMap((name) => [
        single(`${name} forward`, "rows", B, out, (o, s, e) => kernels.activationForward(name, o, x, s, e)),
        single(`${name} backward`, "rows", B, out, (o, s, e) =>
          kernels.activationBackward(name, o, x, y, s, e),
        ),
      ]),
      statistics("batchStatistics", (norm, s, e) => kernels.batchStatistics(x, norm, B, 1e-3, 0.1, s, e)),
      statistics("runningStatistics", (norm, s, e) => kernels.runningStatistics(norm, 1e-3, s, e)),
      single("normalize", "rows", B, out, (o, s, e) => kernels.normalize(o, x, given, s, e)),
      {
        name: "batchNormBackward",
        axis: "columns",
        size: k,
        build: () => {
          const norm = {
            ...normTensors(k, 9),
            mean: tensor(1, k, random(10)),
            inverseStd: tensor(1, k, random(11, 1, 2)),
          };
          const [dX, dScale, dShift] = [out(), out(1), out(1)];
          return {
            outputs: [dX, dScale, dShift],
            run: (s, e) => kernels.batchNormBackward(dX, dScale, dShift, x, y, norm, B, s, e),
          };
        },
      },
      {
        name: "dropoutForward",
        axis: "rows",
        size: B,
        build: () => {
          const [o, mask] = [out(), out()];
          return {
            outputs: [o, mask],
            run: (s, e) => kernels.dropoutForward(o, mask, x, randomKey(3, 3), 0.5, s, e),
          };
        },
      },
      ...[true, false].map(
        (hasState): Ranged => ({
          name: hasState ? "adagrad and momentum" : "sgd",
          axis: "rows",
          size: 4,
          build: () => {
            const [theta, state] = [out(5), tensor(5, k, () => SENTINEL)];
            const update = { theta, state, gradient: tensor(4, k, random(5)), rows: null, count: 4, l2: 0.1 };
            return {
              outputs: [theta, state],
              run: (s, e) => {
                if (hasState) kernels.adagrad(update, 0.05, s, e);
                kernels.sgd({ ...update, state: hasState ? state : null }, 0.05, 0.9, s, e);
              },
            };
          },
        }),
      ),
      single("multiply", "rows", B, out, (o, s, e) => kernels.multiply(o, x, y, s, e)),
      single("scoreForward", "rows", B, scores, (o, s, e) =>
        kernels.scoreForward(o, one, linear, x, h, s, e),
      ),
      single("scoreBackward", "rows", B, out, (o, s, e) => kernels.scoreBackward(o, linear, h, s, e)),
    ];
  }

  it.each([
    1, 4, 7, 13, 33,
  ])("a range writes what it names and nothing else, and two ranges give the bits of one; K = %i", (k) => {
    for (const { name, axis, size, build } of rangedKernels(k)) {
      const whole = build();
      whole.run(0, size);
      const cuts =
        axis === "rows"
          ? [0, 1, 3, size].filter((cut) => cut <= size)
          : [0, 4, 8, 32, size].filter((cut) => cut <= size);
      const parts = build();
      for (let c = cuts.length - 2; c >= 0; c--) parts.run(cuts[c], cuts[c + 1]);
      whole.outputs.forEach((output, o) =>
        expectBits(parts.outputs[o], (i, j) => at(output, i, j), `${name}, in parts, output ${o}`, "any"),
      );
      for (let c = 0; c + 1 < cuts.length; c++) {
        const [start, end] = [cuts[c], cuts[c + 1]];
        const [part, before] = [build(), build()];
        part.run(start, end);
        whole.outputs.forEach((output, o) =>
          expectBits(
            part.outputs[o],
            (i, j) => {
              const position = axis === "rows" ? i : j;
              return at(position >= start && position < end ? output : before.outputs[o], i, j);
            },
            `${name}, [${start}, ${end}), output ${o}`,
            "any",
          ),
        );
      }
    }
  });
});

describe("addToSums", () => {
  it.each(WIDTHS)("adds a feature's terms and their squares in float64, K = %i", (k) => {
    memory = new Memory("js");
    const v = tensor(3, k, random(k));
    const [sums, squares] = [random(1), random(2)].map((next) =>
      Float64Array.from({ length: k + 1 }, (_, j) => next(j)),
    );
    const [wantedSums, wantedSquares] = [sums.slice(), squares.slice()];
    for (const [feature, x] of [
      [2, 1],
      [0, -0.7],
      [2, 3],
    ]) {
      addToSums(sums, squares, v, feature, x);
      for (let j = 0; j < k; j++) {
        wantedSums[j] += x * at(v, feature, j);
        wantedSquares[j] += x * at(v, feature, j) * (x * at(v, feature, j));
      }
    }
    expect(sums).toEqual(wantedSums);
    expect(squares).toEqual(wantedSquares);
  });
});
