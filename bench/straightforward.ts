// The yardstick: one training step of an NFM with one hidden layer, written the way one writes it in
// JavaScript without further thought - textbook loops over typed arrays, nothing tiled, skipped or unrolled.
// Batch norm, dropout, squared loss and Adagrad as in the library. Only for timing: its numbers are not
// rounded as the library's are.

import type { CSRMatrix } from "../src/index.ts";

interface Norm {
  scale: Float32Array;
  shift: Float32Array;
  mean: Float32Array;
  variance: Float32Array;
  dScale: Float32Array;
  dShift: Float32Array;
}

const normal = (): number =>
  Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
const random = (n: number, std: number): Float32Array =>
  Float32Array.from({ length: n }, () => std * normal());
const newNorm = (n: number): Norm => ({
  scale: new Float32Array(n).fill(1),
  shift: new Float32Array(n),
  mean: new Float32Array(n),
  variance: new Float32Array(n),
  dScale: new Float32Array(n),
  dShift: new Float32Array(n),
});

/**
 * Returns a function that trains one epoch on x, y and returns its mean loss. K: embedding dimension, H:
 * hidden units.
 */
export function straightforward(
  x: CSRMatrix,
  y: Float32Array,
  K: number,
  H: number,
  B: number,
  dropout: [number, number],
  lr: number,
): () => number {
  const V = random(x.cols * K, 0.01),
    w = new Float32Array(x.cols),
    W = random(H * K, Math.sqrt(2 / (H + K))),
    b = new Float32Array(H),
    h = random(H, Math.sqrt(2 / (H + 1)));
  const w0 = new Float32Array(1);
  const norms = [newNorm(K), newNorm(H)];
  const state = new Map(
    [V, w, W, b, h, w0, ...norms.flatMap((n) => [n.scale, n.shift])].map((p) => [
      p,
      new Float32Array(p.length).fill(1e-8),
    ]),
  );
  const dV = new Float32Array(x.cols * K),
    dw = new Float32Array(x.cols),
    dW = new Float32Array(H * K),
    db = new Float32Array(H),
    dh = new Float32Array(H);
  const sums = new Float32Array(B * K),
    pooled = new Float32Array(B * K),
    normed = new Float32Array(B * K),
    dropped = new Float32Array(B * K),
    mask = new Float32Array(B * K);
  const z = new Float32Array(B * H),
    zNormed = new Float32Array(B * H),
    act = new Float32Array(B * H),
    out = new Float32Array(B * H),
    mask2 = new Float32Array(B * H);
  const dOut = new Float32Array(B * H),
    dZ = new Float32Array(B * H),
    dDropped = new Float32Array(B * K),
    dPooled = new Float32Array(B * K),
    scores = new Float32Array(B),
    dScores = new Float32Array(B);

  function normForward(n: Norm, X: Float32Array, Y: Float32Array, rows: number, cols: number): void {
    for (let j = 0; j < cols; j++) {
      let sum = 0;
      for (let i = 0; i < rows; i++) sum += X[i * cols + j];
      n.mean[j] = sum / rows;
      let squares = 0;
      for (let i = 0; i < rows; i++) squares += (X[i * cols + j] - n.mean[j]) ** 2;
      n.variance[j] = squares / rows;
      for (let i = 0; i < rows; i++)
        Y[i * cols + j] =
          ((X[i * cols + j] - n.mean[j]) / Math.sqrt(n.variance[j] + 1e-3)) * n.scale[j] + n.shift[j];
    }
  }
  function normBackward(
    n: Norm,
    X: Float32Array,
    dY: Float32Array,
    dX: Float32Array,
    rows: number,
    cols: number,
  ): void {
    for (let j = 0; j < cols; j++) {
      const inv = 1 / Math.sqrt(n.variance[j] + 1e-3);
      n.dScale[j] = n.dShift[j] = 0;
      for (let i = 0; i < rows; i++) {
        n.dShift[j] += dY[i * cols + j];
        n.dScale[j] += dY[i * cols + j] * (X[i * cols + j] - n.mean[j]) * inv;
      }
      for (let i = 0; i < rows; i++) {
        dX[i * cols + j] =
          n.scale[j] *
          inv *
          (dY[i * cols + j] -
            n.dShift[j] / rows -
            (X[i * cols + j] - n.mean[j]) * inv * (n.dScale[j] / rows));
      }
    }
  }
  function drop(X: Float32Array, Y: Float32Array, M: Float32Array, n: number, rate: number): void {
    for (let i = 0; i < n; i++) {
      M[i] = Math.random() < rate ? 0 : 1 / (1 - rate);
      Y[i] = X[i] * M[i];
    }
  }
  function adagrad(p: Float32Array, g: Float32Array, start: number, end: number): void {
    const G = state.get(p)!;
    for (let i = start; i < end; i++) {
      G[i] += g[i] * g[i];
      p[i] -= (lr * g[i]) / Math.sqrt(G[i]);
    }
  }

  function step(rows: number[]): number {
    const n = rows.length;
    rows.forEach((row, i) => {
      scores[i] = w0[0];
      for (let j = 0; j < K; j++) {
        let sum = 0,
          squares = 0;
        for (let p = x.indptr[row]; p < x.indptr[row + 1]; p++) {
          const t = V[x.indices[p] * K + j] * (x.values ? x.values[p] : 1);
          sum += t;
          squares += t * t;
        }
        sums[i * K + j] = sum;
        pooled[i * K + j] = 0.5 * (sum * sum - squares);
      }
      for (let p = x.indptr[row]; p < x.indptr[row + 1]; p++)
        scores[i] += w[x.indices[p]] * (x.values ? x.values[p] : 1);
    });
    normForward(norms[0], pooled, normed, n, K);
    drop(normed, dropped, mask, n * K, dropout[0]);
    for (let i = 0; i < n; i++) {
      for (let o = 0; o < H; o++) {
        let sum = b[o];
        for (let j = 0; j < K; j++) sum += W[o * K + j] * dropped[i * K + j];
        z[i * H + o] = sum;
      }
    }
    normForward(norms[1], z, zNormed, n, H);
    for (let i = 0; i < n * H; i++) act[i] = Math.max(0, zNormed[i]);
    drop(act, out, mask2, n * H, dropout[1]);
    let loss = 0;
    dh.fill(0);
    for (let i = 0; i < n; i++) {
      for (let o = 0; o < H; o++) scores[i] += h[o] * out[i * H + o];
      const error = scores[i] - y[rows[i]];
      loss += error * error;
      dScores[i] = (2 * error) / n;
      for (let o = 0; o < H; o++) {
        dh[o] += dScores[i] * out[i * H + o];
        dOut[i * H + o] = dScores[i] * h[o] * mask2[i * H + o] * (act[i * H + o] > 0 ? 1 : 0);
      }
    }
    normBackward(norms[1], z, dOut, dZ, n, H);
    dW.fill(0);
    db.fill(0);
    for (let i = 0; i < n; i++) {
      for (let o = 0; o < H; o++) {
        db[o] += dZ[i * H + o];
        for (let j = 0; j < K; j++) dW[o * K + j] += dZ[i * H + o] * dropped[i * K + j];
      }
      for (let j = 0; j < K; j++) {
        let sum = 0;
        for (let o = 0; o < H; o++) sum += dZ[i * H + o] * W[o * K + j];
        dDropped[i * K + j] = sum * mask[i * K + j];
      }
    }
    normBackward(norms[0], pooled, dDropped, dPooled, n, K);
    const touched = new Set<number>();
    rows.forEach((row, i) => {
      for (let p = x.indptr[row]; p < x.indptr[row + 1]; p++) {
        const feature = x.indices[p],
          value = x.values ? x.values[p] : 1;
        if (!touched.has(feature)) {
          touched.add(feature);
          dV.fill(0, feature * K, (feature + 1) * K);
          dw[feature] = 0;
        }
        dw[feature] += dScores[i] * value;
        for (let j = 0; j < K; j++)
          dV[feature * K + j] += (sums[i * K + j] - value * V[feature * K + j]) * dPooled[i * K + j] * value;
      }
    });
    adagrad(w0, Float32Array.of(dScores.subarray(0, n).reduce((sum, d) => sum + d, 0)), 0, 1);
    for (const feature of touched) {
      adagrad(V, dV, feature * K, (feature + 1) * K);
      adagrad(w, dw, feature, feature + 1);
    }
    adagrad(W, dW, 0, H * K);
    adagrad(b, db, 0, H);
    adagrad(h, dh, 0, H);
    for (const norm of norms) {
      adagrad(norm.scale, norm.dScale, 0, norm.scale.length);
      adagrad(norm.shift, norm.dShift, 0, norm.shift.length);
    }
    return loss / n;
  }

  return () => {
    const order = Array.from({ length: x.rows }, (_, i) => i);
    for (let i = order.length - 1; i > 0; i--) {
      const j = Math.floor(Math.random() * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
    let total = 0;
    for (let start = 0; start < order.length; start += B) {
      const rows = order.slice(start, start + B);
      total += step(rows) * rows.length;
    }
    return total / order.length;
  };
}
