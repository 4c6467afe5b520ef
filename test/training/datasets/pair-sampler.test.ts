import { describe, expect, it } from "vitest";
import { rowsByGroup } from "../../../src/data/ids.ts";
import { PairSampler } from "../../../src/training/datasets/pair-sampler.ts";

interface Rows {
  readonly targets: Float32Array;
  readonly groups: Uint32Array;
}

const rowsOf = (targets: readonly number[], groups: readonly number[] = targets.map(() => 0)): Rows => ({
  targets: Float32Array.from(targets),
  groups: Uint32Array.from(groups),
});
const pairsOf = ({ targets, groups }: Rows, perRow: number, seed = 42): PairSampler =>
  new PairSampler(targets, groups, perRow, seed);

/**
 * Rows of interleaved groups of very different sizes, with few target levels (negative ones and -0 among
 * them), so many ties.
 */
function randomRows(seed: number, rows: number, numGroups: number, levels: number): Rows {
  let state = seed;
  const random = (): number => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
  const groups = Array.from({ length: rows }, (_, i) =>
    i < numGroups ? i : Math.floor(random() ** 2 * numGroups),
  );
  return rowsOf(
    groups.map((_, i) => (i % 5 === 0 ? -0 : (Math.floor(random() * levels) - 1) / 4)),
    groups,
  );
}

/** The oracle: the lower rows of the group of a row, straight from the definition. */
function lowerRows({ targets, groups }: Rows, row: number): number[] {
  return Array.from(targets.keys()).filter(
    (other) => groups[other] === groups[row] && targets[other] < targets[row],
  );
}

/** The worse rows that each row meets in an epoch, in the order of its pairs. */
function epochOf(pairs: PairSampler, rows: number, epoch: number): number[][] {
  const met = Array.from({ length: rows }, (): number[] => []);
  for (let pair = 0; pair < pairs.count; pair++) met[pairs.better(pair)].push(pairs.worse(pair, epoch));
  return met;
}

const ascending = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b);

/** Pearson's statistic for equal expected counts. */
function chiSquare(counts: readonly number[]): number {
  const expected = counts.reduce((a, b) => a + b, 0) / counts.length;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

const samples: [string, Rows][] = [
  ["interleaved groups with ties", randomRows(1, 120, 7, 4)],
  ["one group, all different", rowsOf([3, 9, -1, 4, 0, 7, 12, 2.5, -8])],
  ["two levels", randomRows(2, 60, 3, 2)],
  ["groups of one and two rows", randomRows(3, 12, 9, 3)],
  ["many levels", randomRows(4, 200, 4, 1000)],
];

describe("PairSampler", () => {
  it.each(
    samples,
  )("gives each row as many different lower rows of its group as there are, up to perRow: %s", (_, sample) => {
    const rows = sample.targets.length;
    for (const perRow of [1, 2, 3, 7, 50, 1000]) {
      const pairs = pairsOf(sample, perRow);
      let count = 0;
      for (const epoch of [1, 2, 9]) {
        const met = epochOf(pairs, rows, epoch);
        count = 0;
        for (let row = 0; row < rows; row++) {
          const lower = lowerRows(sample, row);
          expect(met[row].length).toBe(Math.min(perRow, lower.length));
          expect(new Set(met[row]).size).toBe(met[row].length);
          for (const worse of met[row]) expect(lower).toContain(worse);
          count += met[row].length;
        }
      }
      expect(pairs.count).toBe(count);
    }
  });

  it.each(
    samples,
  )("gives all pairs, each once and the same in every epoch, when perRow reaches them: %s", (_, sample) => {
    const rows = sample.targets.length;
    for (const perRow of [rows - 1, Infinity]) {
      const pairs = pairsOf(sample, perRow);
      const first = epochOf(pairs, rows, 1);
      for (let row = 0; row < rows; row++) expect(ascending(first[row])).toEqual(lowerRows(sample, row));
      expect(epochOf(pairs, rows, 2)).toEqual(first);
    }
  });

  it("keeps the pairs of a row together, rows in their order", () => {
    const sample = randomRows(5, 100, 5, 6);
    const pairs = pairsOf(sample, 3);
    const better = Array.from({ length: pairs.count }, (_, pair) => pairs.better(pair));
    expect(better).toEqual(ascending(better));
  });

  // Per epoch every lower row should be met with probability perRow / m, also when m barely exceeds perRow or
  // is no multiple of it; and each pair of the row alone should be uniform. The counts of one epoch are
  // negatively dependent, so that the statistic of the whole row only lies lower than chi-square's: its bound
  // is one-sided. 10 or fewer degrees of freedom: p < 1e-5.
  it.each([
    [2, 1],
    [3, 2],
    [9, 8],
    [7, 3],
    [10, 5],
    [11, 4],
  ])("meets %i lower rows equally often over the epochs, %i at a time", (m, perRow) => {
    const pairs = pairsOf(rowsOf([100, ...Array.from({ length: m }, (_, i) => (i * 5) % m)]), perRow);
    const pairsOfTop = Array.from({ length: perRow }, (_, pair) => pair);
    expect(pairsOfTop.map((pair) => pairs.better(pair))).toEqual(pairsOfTop.map(() => 0));
    const all = new Array<number>(m).fill(0);
    const each = pairsOfTop.map(() => new Array<number>(m).fill(0));
    const epochs = 6000;
    for (let epoch = 1; epoch <= epochs; epoch++) {
      for (const pair of pairsOfTop) {
        const worse = pairs.worse(pair, epoch) - 1;
        all[worse]++;
        each[pair][worse]++;
      }
    }
    expect(chiSquare(all)).toBeLessThan(42);
    for (const counts of each) expect(chiSquare(counts)).toBeLessThan(42);
    expect(all.reduce((a, b) => a + b, 0)).toBe(epochs * perRow);
  });

  it("spreads the pairs of a row over all targets below it", () => {
    const [m, perRow] = [103, 10];
    const pairs = pairsOf(rowsOf([...Array.from({ length: m }, (_, i) => i), 1000]), perRow);
    for (let epoch = 1; epoch <= 200; epoch++) {
      const ranks = ascending(epochOf(pairs, m + 1, epoch)[m]);
      const gaps = ranks.map((rank, i) => (i === 0 ? rank + m - ranks[perRow - 1] : rank - ranks[i - 1]));
      expect(Math.max(...gaps)).toBeLessThanOrEqual(2 * Math.ceil(m / perRow) - 1); // one row in each of neighbouring strata
    }
  });

  it("is a function of pair and epoch: the order of calls and the instance play no part", () => {
    const sample = randomRows(6, 300, 3, 50);
    const pairs = pairsOf(sample, 4);
    const calls = Array.from({ length: 600 }, (_, i): [number, number] => [
      (i * 7919) % pairs.count,
      1 + (i % 3),
    ]);
    const once = calls.map((call) => pairs.worse(...call));
    const fresh = pairsOf(sample, 4);
    for (let i = 599; i >= 0; i--) expect(fresh.worse(...calls[i])).toBe(once[i]);
  });

  it("draws others in another epoch and under another seed", () => {
    const sample = randomRows(7, 300, 3, 50);
    const drawn = (seed: number, epoch: number): string =>
      epochOf(pairsOf(sample, 4, seed), 300, epoch).join();
    expect(new Set([drawn(1, 1), drawn(1, 2), drawn(1, 3), drawn(2, 1), drawn(1 + 2 ** 32, 1)]).size).toBe(5);
    expect(drawn(1, 1)).toBe(drawn(1, 1));
  });

  it("keeps its values from release to release", () => {
    const pairs = pairsOf(rowsOf([50, ...Array.from({ length: 40 }, (_, i) => (i * 7) % 40)]), 4);
    expect([0, 1, 2, 3].map((pair) => pairs.worse(pair, 1))).toEqual([18, 25, 32, 23]);
    expect([0, 1, 2, 3].map((pair) => pairs.worse(pair, 2))).toEqual([22, 36, 2, 16]);
  });

  it("skips and counts groups whose rows are all equal, or that have one row", () => {
    const pairs = pairsOf(rowsOf([2, 1, 7, 2, 0, 3, 2, -0], [0, 1, 2, 0, 3, 1, 0, 3]), 5);
    expect(pairs.skippedGroups).toBe(3); // 0: all 2; 2: one row; 3: 0 and -0
    expect([pairs.count, pairs.better(0), pairs.worse(0, 1)]).toEqual([1, 5, 1]);
    const none = pairsOf(rowsOf([4, 4, 4], [1, 0, 1]), 1);
    expect([none.count, none.skippedGroups]).toEqual([0, 2]);
    const empty = pairsOf(rowsOf([]), 1);
    expect([empty.count, empty.skippedGroups]).toEqual([0, 0]);
  });

  it("refuses more pairs than an epoch can number", () => {
    const rows = 92_683; // 92,683 * 92,682 / 2 is the first such number of pairs from 2^32 on
    const targets = Float32Array.from({ length: rows }, (_, i) => i);
    expect(() => new PairSampler(targets, new Uint32Array(rows), Infinity, 1)).toThrow(
      new RangeError("perRow must be small enough for fewer than 2^32 pairs per epoch, got Infinity"),
    );
    expect(new PairSampler(targets, new Uint32Array(rows), 2, 1).count).toBe(2 * rows - 3);
  });
});

describe("rowsByGroup", () => {
  it("lists the rows of each group in their order", () => {
    const [starts, order] = rowsByGroup(Uint32Array.of(2, 0, 2, 3, 0));
    expect([[...starts], [...order]]).toEqual([
      [0, 2, 2, 4, 5],
      [1, 4, 0, 2, 3],
    ]);
  });
});
