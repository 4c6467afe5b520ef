// Ranking 100,000 candidates of one feature each in contexts of 2, 20 and 200 features (k = 64), beside
// `predict` on rows that hold context and candidate already. Usage: npm run bench -- rank

import { CSRMatrix, NFM } from "../src/index.ts";

const [CANDIDATES, TURNS] = [100_000, 21];
const CONTEXTS = [2, 20, 200];
const N = 200 + CANDIDATES;
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const candidates = new CSRMatrix({
  cols: N,
  indptr: range(CANDIDATES + 1),
  indices: range(CANDIDATES).map((i) => 200 + i),
});

/** Rows of a context's features and a candidate's. */
function joined(size: number): CSRMatrix {
  const indices = new Uint32Array(CANDIDATES * (size + 1));
  for (let i = 0; i < CANDIDATES; i++) {
    for (let p = 0; p < size; p++) indices[i * (size + 1) + p] = p;
    indices[i * (size + 1) + size] = 200 + i;
  }
  return new CSRMatrix({ cols: N, indptr: range(CANDIDATES + 1).map((i) => i * (size + 1)), indices });
}

/** Milliseconds, the medians of calls made in turn. */
function race(calls: readonly (() => unknown)[], turns: number): number[] {
  const times = calls.map((): number[] => []);
  for (let turn = -2; turn < turns; turn++) {
    calls.forEach((call, i) => {
      const start = performance.now();
      call();
      if (turn >= 0) times[i].push(performance.now() - start);
    });
  }
  return times.map((list) => list.sort((a, b) => a - b)[list.length >> 1]);
}

console.log(
  `${CANDIDATES} candidates, k = 64, top 10, milliseconds (medians of ${TURNS}), Node ${process.version}\n`,
);
console.log("backend  hidden  context      rank, prepared   rank, raw rows   predict on joined rows");
for (const backend of ["wasm", "js"] as const) {
  for (const hiddenUnits of [[64], []]) {
    const model = new NFM({ numFeatures: N, hiddenUnits, initStd: 0.1, seed: 1, backend });
    model.partialFit(candidates.slice(0, 3), [1, 2, 3]);
    const catalog = model.prepare(candidates);
    for (const size of CONTEXTS) {
      const context = { indices: range(size) };
      const rows = joined(size);
      const times = race(
        [
          () => model.rank(context, catalog, { top: 10 }),
          () => model.rank(context, candidates, { top: 10 }),
          () => model.predict(rows),
        ],
        backend === "wasm" ? TURNS : 3,
      );
      console.log(
        `${backend.padEnd(9)}${`[${hiddenUnits.join()}]`.padEnd(8)}${String(size).padStart(7)}  ${times.map((ms) => ms.toFixed(2).padStart(17)).join("")}`,
      );
    }
  }
}
