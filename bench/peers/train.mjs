// Microseconds per row of a training step in this library and in TensorFlow.js, in turn in one run: k = 64, hidden [64],
// batch norm, dropout 0.5 / 0.2, relu, squared loss, Adagrad 0.05, batch 128, ten of 5,382 features a row (generated).
// Before that, five steps without dropout from the same weights must give the same losses everywhere.
// Usage: node train.mjs [--rows 12800] [--turns 5] [--own-gradient: also time one step with tf.gather's own gradient]

import { parseArgs } from "node:util";
import * as tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
import { Adagrad, CSRMatrix, NFM } from "../../dist/index.js";

const { values } = parseArgs({
  options: {
    rows: { type: "string", default: "12800" },
    turns: { type: "string", default: "5" },
    "own-gradient": { type: "boolean", default: false },
  },
});
const [ROWS, TURNS, BATCH, RATE] = [Number(values.rows), Number(values.turns), 128, 0.05];
const WIDTHS = [957, 4082, 7, 7, 2, 3, 9, 4, 80, 231]; // distinct values of each of the ten fields, as in Frappe
const [FIELDS, FEATURES] = [WIDTHS.length, WIDTHS.reduce((sum, width) => sum + width)];
const DROPOUT = { biInteraction: 0.5, hidden: 0.2 };
const NO_DROPOUT = { biInteraction: 0, hidden: 0 };
const PAPER = { batchNorm: true, l2: {}, initStd: 0.01, numFeatures: FEATURES };
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

const { indices, labels } = generate();
const indptr = Uint32Array.from({ length: ROWS + 1 }, (_, row) => row * FIELDS);
const x = new CSRMatrix({ rows: ROWS, cols: FEATURES, indptr, indices: Uint32Array.from(indices) });

function generate() {
  let state = 1;
  const random = (n) =>
    Math.floor((n * (state = (Math.imul(state, 1664525) + 1013904223) >>> 0)) / 4294967296);
  const offsets = WIDTHS.map((_, field) => WIDTHS.slice(0, field).reduce((sum, width) => sum + width, 0));
  return {
    indices: Int32Array.from(
      { length: ROWS * FIELDS },
      (_, p) => offsets[p % FIELDS] + random(WIDTHS[p % FIELDS]),
    ),
    labels: Float32Array.from({ length: ROWS }, () => (random(3) === 0 ? 1 : -1)),
  };
}

/**
 * Rows of a table, each backend by its faster operation, with a gradient by tf.scatterND: the gradient of tf.gather has
 * no kernel in the wasm backend and goes through the whole batch once per feature in the cpu backend.
 */
const lookUp = tf.customGrad((table, rows, save) => {
  save([rows]);
  const value = tf.getBackend() === "wasm" ? tf.gatherND(table, rows.expandDims(-1)) : tf.gather(table, rows);
  const gradient = (dy, [at]) => [
    tf.scatterND(at.reshape([-1, 1]), dy.reshape([at.size, -1]), table.shape),
    tf.zerosLike(at),
  ];
  return { value, gradFunc: gradient };
});

/** A step of the network in TensorFlow.js, from the weights of `model`: takes a batch's first row, returns its loss. */
function tensorflow(model, gather, dropout) {
  const variable = (name, trainable = true) => {
    const { shape, data } = model.tensor(name);
    return tf.variable(tf.tensor(data, shape), trainable);
  };
  const [w0, w, v, hidden, bias, h] = [
    "bias",
    "linear.weight",
    "embedding.weight",
    "hidden.0.weight",
    "hidden.0.bias",
    "output.weight",
  ].map((name) => variable(name));
  const norms = ["norms.0", "norms.1"].map((name) => ({
    scale: variable(`${name}.weight`),
    shift: variable(`${name}.bias`),
    runningMean: variable(`${name}.running_mean`, false),
    runningVariance: variable(`${name}.running_var`, false),
  }));
  const optimizer = tf.train.adagrad(RATE, 1e-8);

  const batchNorm = (input, { scale, shift, runningMean, runningVariance }) => {
    const { mean, variance } = tf.moments(input, 0);
    runningMean.assign(runningMean.add(mean.sub(runningMean).mul(0.1)));
    runningVariance.assign(runningVariance.add(variance.sub(runningVariance).mul(0.1)));
    return tf.batchNorm(input, mean, variance, shift, scale, 1e-3);
  };
  const lossOf = (features, targets) => {
    const embedded = gather(v, features);
    const pooled = embedded.sum(1).square().sub(embedded.square().sum(1)).mul(0.5);
    const input = tf.dropout(batchNorm(pooled, norms[0]), dropout.biInteraction);
    const output = tf.dropout(
      batchNorm(input.matMul(hidden, false, true).add(bias), norms[1]).relu(),
      dropout.hidden,
    );
    const scores = output.matMul(h, false, true).add(gather(w, features).sum(1)).add(w0);
    return tf.squaredDifference(scores, targets).mean();
  };
  return (start) =>
    tf.tidy(() => {
      const count = Math.min(BATCH, ROWS - start);
      const features = tf.tensor2d(
        indices.subarray(start * FIELDS, (start + count) * FIELDS),
        [count, FIELDS],
        "int32",
      );
      const targets = tf.tensor2d(labels.subarray(start, start + count), [count, 1]);
      return optimizer.minimize(() => lossOf(features, targets), true).dataSync()[0];
    });
}

/** A model for the check. TensorFlow.js adds 1e-7 under Adagrad's root; here that goes into the accumulator. */
function withoutDropout() {
  const optimizer = new Adagrad({ learningRate: RATE, initialAccumulator: 1e-8 + 1e-7 });
  return new NFM({ ...PAPER, dropout: NO_DROPOUT, optimizer, backend: "js" });
}

/** Says whether the current backend can train with tf.gather's own gradient and, if asked, how long one step takes. */
function reportOwnGradient(backend) {
  if (!tf.getKernel("UnsortedSegmentSum", backend)) {
    console.log(`TensorFlow.js ${backend}: no kernel UnsortedSegmentSum, so tf.gather has no gradient`);
  } else if (values["own-gradient"]) {
    const step = tensorflow(withoutDropout(), tf.gather, NO_DROPOUT);
    const start = performance.now();
    step(0);
    console.log(
      `TensorFlow.js ${backend}: ${((performance.now() - start) / 1000).toFixed(1)} s for one step with tf.gather's own gradient`,
    );
  }
}

/** Whether steps without dropout give this library's losses; says so, and why not. */
function agrees(backend) {
  const model = withoutDropout();
  try {
    const step = tensorflow(withoutDropout(), lookUp, NO_DROPOUT);
    let worst = 0;
    for (let start = 0; start < 5 * BATCH; start += BATCH) {
      const loss = model.partialFit(x.slice(start, start + BATCH), labels.subarray(start, start + BATCH));
      worst = Math.max(worst, Math.abs(step(start) - loss) / loss);
    }
    console.log(
      `TensorFlow.js ${backend}: five losses differ from this library's by up to ${worst.toExponential(0)} (relative)`,
    );
    return worst < 1e-3;
  } catch (error) {
    console.log(`TensorFlow.js ${backend}: does not train: ${error.message.split("\n")[0]}`);
    return false;
  }
}

function library(backend) {
  const model = new NFM({
    ...PAPER,
    dropout: DROPOUT,
    optimizer: new Adagrad({ learningRate: RATE }),
    backend,
  });
  let resume = false;
  return async () => {
    await model.fit(x, labels, { epochs: 1, batchSize: BATCH, validation: false, resume });
    resume = true;
  };
}

async function peer(backend) {
  await tf.setBackend(backend);
  await tf.ready();
  reportOwnGradient(backend);
  if (!agrees(backend)) return null;
  const step = tensorflow(new NFM({ ...PAPER, backend: "js" }), lookUp, DROPOUT);
  return async () => {
    await tf.setBackend(backend);
    for (let start = 0; start < ROWS; start += BATCH) step(start);
  };
}

tf.enableProdMode(); // no debugging checks
const contestants = [
  { name: "neural-fm, plain kernels", epoch: library("js") },
  { name: "neural-fm, SIMD kernels", epoch: library("wasm") },
  { name: `TensorFlow.js ${tf.version.tfjs}, cpu`, epoch: await peer("cpu") },
  { name: `TensorFlow.js ${tf.version.tfjs}, wasm`, epoch: await peer("wasm") },
].filter(({ epoch }) => epoch !== null);
const times = contestants.map(() => []);
for (let turn = 0; turn <= TURNS; turn++) {
  // the first warms up
  for (const [i, { epoch }] of contestants.entries()) {
    const start = performance.now();
    await epoch();
    if (turn > 0) times[i].push(((performance.now() - start) * 1000) / ROWS);
  }
}

console.log(
  `\n${ROWS} rows of ${FIELDS} out of ${FEATURES} features, ${TURNS} turns, Node ${process.version}\n`,
);
console.log("microseconds per row            median        min times SIMD");
const fastest = median(times[1]);
for (const [i, { name }] of contestants.entries()) {
  const cells = [
    median(times[i]).toFixed(2),
    Math.min(...times[i]).toFixed(2),
    (median(times[i]) / fastest).toFixed(1),
  ];
  console.log(name.padEnd(27) + cells.map((cell) => cell.padStart(11)).join(""));
}
