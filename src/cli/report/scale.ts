// Scales of charts: they map values to positions from 0 to 1, and have ticks at round numbers.

import { formatFixed, formatNumber, formatShort } from "./format.ts";

/** Maps the values of one axis to positions. */
export interface Scale {
  /** The value at position 0. */
  readonly low: number;
  /** The value at position 1. */
  readonly high: number;
  /** Values that get a tick, in ascending order, all within [low, high]. */
  readonly ticks: readonly number[];
  /** Label of each tick. */
  readonly labels: readonly string[];
  /** The position of a value, clamped to [0, 1]. */
  at(value: number): number;
}

/**
 * Returns the smallest round step, 1, 2 or 5 times a power of ten, that is not below the given one.
 *
 * @param step A step above 0.
 * @returns The round step.
 */
export function roundStep(step: number): number {
  const power = Math.floor(Math.log10(step));
  for (const factor of [1, 2, 5]) {
    const round = scaled(factor, power);
    if (round >= step * (1 - 1e-9)) return round;
  }
  return scaled(1, power + 1);
}

/** factor * 10^power, rounded once. */
function scaled(factor: number, power: number): number {
  return Number(`${factor}e${power}`);
}

/** Digits behind the point that a multiple of a round step needs. */
function decimalsOf(step: number): number {
  return Math.min(20, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
}

/**
 * Makes a linear scale.
 *
 * @param low Smallest value.
 * @param high Largest value. If it equals `low`, the scale has room on both sides.
 * @param count About how many ticks. Default: 5.
 * @param isTight Whether the scale ends at `low` and `high`, not at the ticks beside them. Default: false.
 * @returns The scale.
 */
export function linearScale(low: number, high: number, count: number = 5, isTight: boolean = false): Scale {
  if (!(high - low > Math.abs(low) * 1e-12)) {
    const room = low === 0 ? 1 : Math.abs(low) * 0.1;
    return linearScale(low - room, low + room, count);
  }
  const step = roundStep((high - low) / count);
  const from = isTight ? Math.ceil(low / step - 1e-9) : Math.floor(low / step + 1e-9);
  const to = isTight ? Math.floor(high / step + 1e-9) : Math.ceil(high / step - 1e-9);
  const decimals = decimalsOf(step);
  const ticks = Array.from({ length: to - from + 1 }, (_, i) =>
    Number(((from + i) * step).toFixed(decimals)),
  );
  const start = isTight ? low : ticks[0];
  const end = isTight ? high : ticks[ticks.length - 1];
  const isLong = Math.max(Math.abs(start), Math.abs(end)) >= 1e4 || decimals > 4;
  const labels = ticks.map((tick) => (isLong ? shortNumber(tick) : formatFixed(tick, decimals)));
  return { low: start, high: end, ticks, labels, at: (value) => clamp((value - start) / (end - start)) };
}

/** Writes a tick that would be long, such as "20k", "1.5M" or "2e−7". */
function shortNumber(value: number): string {
  for (const [unit, letter] of [
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ] as const) {
    if (Math.abs(value) >= unit && Math.abs(value) < unit * 1000)
      return `${formatShort(value / unit)}${letter}`;
  }
  const isPlain = value === 0 || (Math.abs(value) >= 0.001 && Math.abs(value) < 1e3);
  return isPlain ? formatShort(value) : value.toExponential().replace("+", "").replaceAll("-", "−");
}

/**
 * Makes a logarithmic scale, with ticks at 1, 2 and 5 times powers of ten, or at fewer of them.
 *
 * @param low Smallest value, above 0.
 * @param high Largest value, above `low`.
 * @returns The scale.
 */
export function logScale(low: number, high: number): Scale {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const decades = Math.log10(high / low);
  const factors = decades > 3 ? [1] : decades > 1.5 ? [1, 3] : [1, 2, 5];
  const every = Math.max(1, Math.ceil(decades / 6));
  const ticks: number[] = [];
  for (let power = first; power <= last; power += every) {
    for (const factor of factors) ticks.push(scaled(factor, power));
  }
  const within = ticks.filter((tick) => tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9));
  const span = Math.log(high / low);
  return {
    low,
    high,
    ticks: within,
    labels: within.map((tick) => formatNumber(tick, 1)),
    at: (value) => (value > 0 ? clamp(Math.log(value / low) / span) : 0),
  };
}

/** A logarithmic scale reaches beyond its values by this factor. */
const ROOM = 1.1;

/**
 * Makes a scale for the finite ones among some values. It is logarithmic if they are positive and their
 * largest is more than 50 times their smallest.
 *
 * @param values The values.
 * @param count About how many ticks. Default: 5.
 * @returns The scale; null if no value is finite.
 */
export function scaleFor(values: readonly number[], count: number = 5): Scale | null {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return null;
  const low = finite.reduce((least, value) => Math.min(least, value));
  const high = finite.reduce((most, value) => Math.max(most, value));
  return low > 0 && high / low > 50 ? logScale(low / ROOM, high * ROOM) : linearScale(low, high, count);
}

function clamp(position: number): number {
  return Math.min(1, Math.max(0, position));
}
