// The optimizer steps in plain JavaScript. Each row of the update is changed once.

import type { Update } from "../kernels.ts";

const f = Math.fround;

/** `adagrad` of kernels.ts. */
export function adagrad(
  update: Update,
  learningRate: number,
  start: number = 0,
  end: number = update.count,
): void {
  const { rows, l2 } = update;
  const { data: theta, cols, stride } = update.theta;
  const { data: gradient, stride: gradientStride } = update.gradient;
  const state = update.state!.data;
  const rate = f(learningRate);
  for (let t = start; t < end; t++) {
    const from = t * gradientStride;
    const to = (rows === null ? t : rows[t]) * stride;
    for (let j = 0; j < cols; j++) {
      const g = withDecay(gradient[from + j], theta[to + j], l2);
      const total = f(state[to + j] + f(g * g));
      state[to + j] = total;
      theta[to + j] -= f(f(rate * g) / f(Math.sqrt(total)));
    }
  }
}

/** `sgd` of kernels.ts. */
export function sgd(
  update: Update,
  learningRate: number,
  momentum: number,
  start: number = 0,
  end: number = update.count,
): void {
  const { rows, l2 } = update;
  const { data: theta, cols, stride } = update.theta;
  const { data: gradient, stride: gradientStride } = update.gradient;
  const velocity = update.state && update.state.data;
  const rate = f(learningRate);
  const keep = f(momentum);
  for (let t = start; t < end; t++) {
    const from = t * gradientStride;
    const to = (rows === null ? t : rows[t]) * stride;
    for (let j = 0; j < cols; j++) {
      let g = withDecay(gradient[from + j], theta[to + j], l2);
      if (velocity !== null) {
        g = f(f(keep * velocity[to + j]) + g);
        velocity[to + j] = g;
      }
      theta[to + j] -= f(rate * g);
    }
  }
}

/** g + l2 * theta. */
function withDecay(g: number, theta: number, l2: number): number {
  return l2 === 0 ? g : f(g + f(f(l2) * theta));
}
