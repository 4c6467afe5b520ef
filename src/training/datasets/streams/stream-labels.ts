// The labels of rows that come block by block. Two strings become classes when both have been met.

import { Moments } from "../../../core/moments.ts";
import { addTexts, type Classes, classesOf } from "../../../data/labels.ts";
import type { PointwiseLoss } from "../../../losses.ts";
import type { LabelRange, LabelStatistics } from "../../dataset.ts";
import { labelRules, readTargets } from "../labeled-rows.ts";

/** Learns what the labels are, and their statistics, from all rows that are trained on. */
export class StreamLabels {
  readonly #loss: PointwiseLoss;
  /** The strings that the labels are; null: numbers; undefined: it is not known yet. */
  #known: Classes | null | undefined;
  /** The different strings, before there are two. */
  readonly #texts = new Set<string>();
  /** Rows with the only string so far. */
  #pending = 0;
  readonly #moments = new Moments();
  #count = 0;
  #low = Infinity;
  #high = -Infinity;

  /**
   * Starts without rows.
   *
   * @param loss The loss.
   * @param known The strings that the model knows as labels; null: it knows numbers; undefined: nothing yet.
   */
  constructor(loss: PointwiseLoss, known: Classes | null | undefined) {
    this.#loss = loss;
    this.#known = known;
  }

  /**
   * Whether a block has strings where only numbers came before. A reader then gives strings for all labels if
   * it reads again.
   */
  turnsToTexts(y: unknown): boolean {
    return this.#known === null && this.#count > 0 && typeof (y as ArrayLike<unknown>)[0] === "string";
  }

  /**
   * Adds the labels of a block.
   *
   * @param y The labels.
   * @param rows Number of rows.
   * @param isKept Says whether a row is trained on.
   * @param place What errors call the labels.
   * @throws TypeError or RangeError that names the label.
   */
  add(y: unknown, rows: number, isKept: (row: number) => boolean, place: string): void {
    if (this.#known === undefined && typeof (y as ArrayLike<unknown>)?.[0] === "string") {
      this.#addTexts(y as ArrayLike<unknown>, place);
    } else {
      const { targets, classes } = readTargets(place, this.#loss, y, rows, this.#known);
      this.#known = classes;
      for (let i = 0; i < rows; i++) if (isKept(i)) this.#addTarget(targets[i]);
      return;
    }
    if (this.#known === undefined) {
      for (let i = 0; i < rows; i++) if (isKept(i)) this.#pending++;
    } else this.add(y, rows, isKept, place);
  }

  /** Adds strings. The first two different ones are the classes. */
  #addTexts(labels: ArrayLike<unknown>, place: string): void {
    const rules = labelRules(this.#loss, undefined);
    const [before] = this.#texts;
    addTexts(this.#texts, labels, place, rules);
    if (this.#texts.size < 2) return;
    this.#known = classesOf(this.#texts, place, rules);
    const target = this.#loss.target?.(before === this.#known[1] ? 1 : 0) ?? 0;
    for (; this.#pending > 0; this.#pending--) this.#addTarget(target);
  }

  #addTarget(target: number): void {
    this.#moments.add(target);
    this.#count++;
    if (target < this.#low) this.#low = target;
    if (target > this.#high) this.#high = target;
  }

  /**
   * The two strings that the labels are; null: numbers.
   *
   * @throws RangeError if all labels are one string.
   */
  classes(place: string): Classes | null {
    if (this.#known !== undefined) return this.#known;
    return classesOf(this.#texts, place, labelRules(this.#loss, undefined));
  }

  /** Smallest and largest target. */
  get range(): LabelRange {
    return [this.#low, this.#high];
  }

  get statistics(): LabelStatistics {
    return { count: this.#count, mean: this.#moments.mean, deviation: this.#moments.deviation };
  }
}
