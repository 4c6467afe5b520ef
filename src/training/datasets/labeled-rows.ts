// Labeled rows for a pointwise loss. Every row is one example, with a target and optionally a weight.

import { type CheckedRows, countRows, snapshot } from "../../data/checked-rows.ts";
import { readIds, renumbered } from "../../data/ids.ts";
import {
  type Classes,
  type LabelRules,
  type ReadLabels,
  readLabels,
  readWeights,
} from "../../data/labels.ts";
import { checkRows, type FeatureSpace, readRows } from "../../data/rows.ts";
import { readTimes } from "../../data/times.ts";
import { hinge, type Loss, log, type PointwiseLoss } from "../../losses.ts";
import { type LabelUnit, targetsIn } from "../../model/label-unit.ts";
import type {
  Dataset,
  HeldOutRows,
  LabelRange,
  LabelStatistics,
  MeasurableSource,
  VocabularyRows,
} from "../dataset.ts";
import { statisticsOf } from "../label-start.ts";
import { FixedRows } from "./example-rows.ts";
import { RowDataset } from "./row-dataset.ts";
import { splitRows, takeRows } from "./split.ts";

/** Checked rows with targets. */
export interface CheckedLabels {
  /** The rows, (rows). */
  readonly x: CheckedRows;
  /** Labels as the loss maps them, (rows). */
  readonly targets: Float32Array | Float64Array;
  /** The two strings that the labels were; null or absent: numbers. */
  readonly classes?: Classes | null;
  /** Weight of each row, (rows); null: all ones. */
  readonly weights: Float32Array | null;
  /**
   * Group number of each row, numbered from 0 in the order of first appearance, (rows); null: no groups.
   * Groups are for ranking metrics and for drawing pairs.
   */
  readonly groups: Uint32Array | null;
  /** Time of each row, (rows). The last rows may be held out. Null or absent: not known. */
  readonly times?: Float64Array | null;
}

/**
 * Checks labeled rows.
 *
 * @param place What errors start with, such as "fit: ".
 * @param loss The loss, which says what labels it accepts.
 * @param x Rows, (rows).
 * @param y Labels, (rows).
 * @param options.sampleWeight Weight of each row, (rows), finite, at least 0. Default: all ones.
 * @param options.groups A field name, or one id per row, (rows). Default: no groups.
 * @param options.time A field name, or one time per row, (rows). Default: no times.
 * @param known The strings that the model knows as labels; null: it knows numbers; undefined: it knows
 *   nothing yet. Default: undefined.
 * @returns Copies of everything that the user could change during training.
 * @throws TypeError or RangeError that names row and option.
 */
export function checkLabeledRows(
  place: string,
  loss: Loss,
  x: unknown,
  y: unknown,
  options: { sampleWeight?: unknown; groups?: unknown; time?: unknown } = {},
  known?: Classes | null,
): CheckedLabels {
  const { sampleWeight, groups, time } = options;
  const rows = snapshot(checkRows(x, `${place}x`));
  const count = countRows(rows);
  return {
    x: rows,
    ...readTargets(`${place}y`, loss, y, count, known),
    weights: sampleWeight === undefined ? null : readWeights(sampleWeight, count, `${place}sampleWeight`),
    groups: groups === undefined ? null : readIds(groups, rows, `${place}groups`, "x"),
    times: time === undefined ? null : readTimes(time, rows, place),
  };
}

/**
 * Checks labels and maps them to targets.
 *
 * @param place What errors call the labels, such as "fit: y".
 * @param loss The loss, which says what labels it accepts and how it maps them.
 * @param y Labels, (rows).
 * @param rows Number of rows.
 * @param known The strings that the model knows as labels; null: it knows numbers; undefined: it knows
 *   nothing yet.
 * @returns The targets, (rows), and the strings that the labels were.
 * @throws TypeError or RangeError that names the position.
 */
export function readTargets(
  place: string,
  loss: Loss,
  y: unknown,
  rows: number,
  known: Classes | null | undefined,
): ReadLabels {
  return readLabels(y, rows, place, labelRules(loss, known));
}

/**
 * Says what the labels of a loss may be.
 *
 * @param loss The loss.
 * @param known As for `readTargets`.
 * @returns The rules.
 */
export function labelRules(loss: Loss, known: Classes | null | undefined): LabelRules {
  const own = loss.kind === "pointwise" ? loss : null;
  return {
    target: own?.target?.bind(own) ?? ((label) => label),
    accepted: own?.labels ?? "a label that the loss accepts",
    takesClasses: loss === log || loss === hinge,
    loss: loss.name,
    known,
  };
}

/**
 * Takes some of the rows. Their groups are numbered from 0 again.
 *
 * @param labeled Labeled rows.
 * @param rows Numbers of the rows to take, (n).
 * @returns The rows in the order of `rows`, (n).
 */
function takeLabels(labeled: CheckedLabels, rows: Uint32Array): CheckedLabels {
  const { x, targets, weights, groups, times } = labeled;
  const take = <T extends Float32Array | Float64Array | Uint32Array>(from: ArrayLike<number>, to: T): T => {
    for (let i = 0; i < rows.length; i++) to[i] = from[rows[i]];
    return to;
  };
  const count = rows.length;
  return {
    ...labeled,
    x: takeRows(x, rows),
    targets: take(targets, new Float64Array(count)),
    weights: weights && take(weights, new Float32Array(count)),
    groups: groups && renumbered(take(groups, new Uint32Array(count))),
    times: times ? take(times, new Float64Array(count)) : null,
  };
}

/**
 * Finds the smallest and the largest target.
 *
 * @param targets Targets, (rows), at least one.
 * @returns The range.
 */
export function rangeOf(targets: Float32Array | Float64Array): LabelRange {
  let [low, high] = [Infinity, -Infinity];
  for (const target of targets) {
    if (target < low) low = target;
    if (target > high) high = target;
  }
  return [low, high];
}

/**
 * Says that groups give nothing to compare.
 *
 * @param place What errors start with, such as "fit: ".
 * @param groups Number of groups.
 * @returns The error.
 */
export function allLabelsEqual(place: string, groups: number): RangeError {
  const needed = "groups must have two rows of different labels in some group";
  return new RangeError(`${place}${needed}, got none in ${groups} groups`);
}

/**
 * Labeled rows as the user passed them, checked and not yet encoded: what every kind of loss makes of them
 * alike.
 */
export abstract class LabelSource<L extends Loss> implements MeasurableSource {
  readonly size: number;
  /** Target of each row, in the unit of the labels, (rows). */
  readonly targets: Float32Array | Float64Array;
  /** The two strings that the labels were; null: numbers. */
  readonly classes: Classes | null;
  /** Group number of each row, (rows); null: no groups. */
  readonly groups: Uint32Array | null;
  /** Smallest and largest target; null without labels. */
  readonly labelRange: LabelRange;
  /** The rows from which an encoder learns its vocabulary. */
  readonly vocabulary: readonly VocabularyRows[];
  protected readonly place: string;
  protected readonly lossFunction: L;
  protected readonly rows: CheckedLabels;

  /**
   * Keeps the parts of the data.
   *
   * @param place What errors start with, such as "fit: ".
   * @param loss The loss of the model.
   * @param rows The rows.
   */
  constructor(place: string, loss: L, rows: CheckedLabels) {
    this.place = place;
    this.lossFunction = loss;
    this.rows = rows;
    this.size = rows.targets.length;
    this.targets = rows.targets;
    this.classes = rows.classes ?? null;
    this.groups = rows.groups;
    this.labelRange = rangeOf(rows.targets);
    this.vocabulary = [{ rows: rows.x, place: `${place}x` }];
  }

  /** Whether there is anything to train on or to measure. Kinds that need pairs of rows may have none. */
  get hasExamples(): boolean {
    return this.size > 0;
  }

  statistics(): LabelStatistics {
    return statisticsOf(this.targets, this.rows.weights);
  }

  abstract read(space: FeatureSpace, unit: LabelUnit | null): Generator<void, Dataset>;
  abstract readHeldOut(place: string, space: FeatureSpace): Generator<void, HeldOutRows>;
  /** Makes a source of the same kind from other rows. */
  protected abstract withRows(place: string, rows: CheckedLabels): MeasurableSource;

  split(place: string, share: number, seed: number): [MeasurableSource, MeasurableSource] {
    const { size, groups } = this;
    const times = this.rows.times ?? null;
    const [kept, heldOut] = splitRows(place, { rows: size, groups, times, share, seed });
    const take = (rows: Uint32Array): MeasurableSource => {
      return this.withRows(this.place, takeLabels(this.rows, rows));
    };
    return [take(kept), take(heldOut)];
  }

  heldOut(place: string, { x, y, groups }: { x?: unknown; y?: unknown; groups?: unknown }): MeasurableSource {
    const rows = checkLabeledRows(place, this.lossFunction, x, y, { groups }, this.classes);
    return this.withRows(place, rows);
  }
}

/** Labeled rows under a pointwise loss. */
export class LabeledRows extends LabelSource<PointwiseLoss> {
  *read(space: FeatureSpace, unit: LabelUnit | null): Generator<void, Dataset> {
    const { x, targets, weights } = this.rows;
    const rows = new FixedRows(yield* readRows(x, space, `${this.place}x`));
    return new RowDataset(this.lossFunction, rows, targetsIn(unit, targets), weights, 0, unit?.scale);
  }

  /**
   * Encodes the rows to be scored at every check. Their loss is a weighted mean if they have weights that are
   * not all 0. Yields now and then.
   *
   * @param place What errors start with.
   * @param space The features of the model.
   * @returns The encoded rows.
   * @throws TypeError or RangeError that names the row.
   */
  *readHeldOut(place: string, space: FeatureSpace): Generator<void, HeldOutRows> {
    const { targets, lossFunction } = this;
    const x = yield* readRows(this.rows.x, space, `${place}x`);
    const weights = this.rows.weights?.some((weight) => weight > 0) ? this.rows.weights : null;
    return { parts: [x], loss: (scores) => meanLoss(lossFunction, scores, targets, weights) };
  }

  protected withRows(place: string, rows: CheckedLabels): LabeledRows {
    return new LabeledRows(place, this.lossFunction, rows);
  }
}

/**
 * Computes the mean loss of scored rows.
 *
 * @param loss The loss.
 * @param scores Raw scores, (rows).
 * @param targets Targets in the unit of the labels, (rows).
 * @param weights Weight of each row, (rows), not all 0; null: all ones.
 * @returns The weighted mean, in float64.
 */
export function meanLoss(
  loss: PointwiseLoss,
  scores: Float64Array,
  targets: Float32Array | Float64Array,
  weights: Float32Array | null,
): number {
  let [sum, total] = [0, 0];
  for (let i = 0; i < scores.length; i++) {
    const weight = weights === null ? 1 : weights[i];
    if (weight > 0) sum += weight * loss.value(scores[i], targets[i]);
    total += weight;
  }
  return sum / total;
}
