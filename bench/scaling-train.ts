// Seconds per epoch of training against the number of rows, of features, of k and of threads, one of them
// changed at a time. Rows of ten features, one from each of ten equal parts of the columns; hidden [k], batch
// norm, dropout, Adagrad, batches of 1024. The settings take turns; medians.

import { randomBelow, randomKey, Stream } from "../src/core/random.ts";
import { CSRMatrix, NFM } from "../src/index.ts";
import { PAPER } from "./paper.ts";

const NX = 10;
const TURNS = 3;

interface Setting {
  readonly rows: number;
  readonly features: number;
  readonly k: number;
}

const BASE: Setting = { rows: 100_000, features: 100_000, k: 64 };

function makeRows({ rows, features }: Setting): { x: CSRMatrix; y: Float32Array } {
  const part = Math.floor(features / NX);
  const key = randomKey(1, Stream.demo, rows, features);
  const indices = Uint32Array.from(
    { length: rows * NX },
    (_, i) => (i % NX) * part + randomBelow(key, i, part),
  );
  const indptr = Uint32Array.from({ length: rows + 1 }, (_, i) => i * NX);
  const y = Float32Array.from({ length: rows }, (_, i) => (indices[i * NX] + indices[i * NX + 1]) % 3);
  return { x: new CSRMatrix({ cols: features, indptr, indices }), y };
}

/** Measures settings in turn and prints a line for each. */
async function table(name: keyof Setting, values: readonly number[]): Promise<void> {
  console.log(`\n${name.padStart(9)}  1 thread, s  2 threads, s   us per row    ns per row and k (1 thread)`);
  const cases = values.map((value) => {
    const setting = { ...BASE, [name]: value };
    const models = [1, 2].map((threads) => {
      return new NFM({
        ...{ ...PAPER, embeddingDim: setting.k, hiddenUnits: [setting.k], notices: false, seed: 1 },
        ...{ numFeatures: setting.features, threads },
      });
    });
    return { setting, value, data: makeRows(setting), models, times: [[], []] as number[][] };
  });
  for (let turn = 0; turn <= TURNS; turn++) {
    for (const { data, models, times } of cases) {
      for (const [i, model] of models.entries()) {
        const options = { epochs: 1, batchSize: 1024, validation: false as const, resume: turn > 0 };
        const { epochs } = await model.fit(data.x, data.y, options);
        if (turn > 0) times[i].push(epochs[0].seconds); // the first turn warms up
      }
    }
  }
  for (const { setting, value, times, models } of cases) {
    const [one, two] = times.map((list) => [...list].sort((a, b) => a - b)[list.length >> 1]);
    const perRow = (1e6 * one) / setting.rows;
    console.log(
      `${String(value).padStart(9)} ${one.toFixed(3).padStart(12)} ${two.toFixed(3).padStart(13)} ` +
        `${perRow.toFixed(2).padStart(12)} ${((1000 * perRow) / setting.k).toFixed(1).padStart(15)}`,
    );
    for (const model of models) model.close();
  }
}

/** Prints the tables. */
export async function scaleTraining(): Promise<void> {
  console.log(
    `seconds per epoch, medians of ${TURNS}, Node ${process.version}; if not varied: ${BASE.rows} rows, ` +
      `${BASE.features} features, k = ${BASE.k}`,
  );
  await table("rows", [25_000, 50_000, 100_000, 200_000, 400_000]);
  await table("features", [1000, 10_000, 100_000, 1_000_000]);
  await table("k", [8, 16, 32, 64, 128, 256]);
}
