// The first reading of a stream. It counts the rows, decides which are held out, and learns what encoding and
// training need to know of all rows: kinds and levels of fields, scales of numbers, classes and statistics of
// labels. Now and then a reading shows that another one is needed.

import { wrongValue } from "../../../core/errors.ts";
import { closed, type Pacer, runPaced } from "../../../core/event-loop.ts";
import { randomKey, randomUniform, Stream } from "../../../core/random.ts";
import { type CheckedRows, isSparseRows, needsEncoder } from "../../../data/checked-rows.ts";
import type { Classes } from "../../../data/labels.ts";
import type { Level } from "../../../data/level-search.ts";
import { readRows } from "../../../data/rows.ts";
import { LEAST_ROWS, MOST_HELD_OUT, SHARE } from "../../auto.ts";
import type { LearnedSpace } from "../../dataset.ts";
import type { StreamContext } from "../../learner.ts";
import type { Learning, Search } from "../../vocabulary.ts";
import { readTargets } from "../labeled-rows.ts";
import { takeRows } from "../split.ts";
import type { CheckedBlock, OpenBlocks } from "./blocks.ts";
import { StreamLabels } from "./stream-labels.ts";

/** What a survey needs to know. */
export interface SurveyPlan extends Omit<StreamContext, "knownRange" | "pacer"> {
  /** Share of the rows to hold out; 0: none; "auto": by the number of rows. */
  readonly share: number | "auto";
}

/** Rows that are held out, as they came. */
export interface HeldOutBlock {
  readonly x: CheckedRows;
  readonly targets: Float64Array;
}

/** What a survey has found. */
export interface Survey {
  /** Number of rows, those that are held out included. */
  readonly rows: number;
  /** Says whether a row is held out, by its number. */
  readonly isHeldOut: (row: number) => boolean;
  readonly heldOut: readonly HeldOutBlock[];
  readonly labels: StreamLabels;
  readonly classes: Classes | null;
  /** The features of the model. */
  readonly space: LearnedSpace;
  /** Levels that the present model should learn. */
  readonly levels: readonly Level[];
}

/** Asks for another reading. */
class ReadAgain {
  /** The share to hold out. */
  readonly share: number;
  /** What goes on learning. */
  readonly learning: Learning | LearnedSpace | null;
  /** Whether labels have turned from numbers to texts before. Then they may not do it again. */
  readonly hadTexts: boolean;

  constructor(share: number, learning: Learning | LearnedSpace | null, hadTexts: boolean) {
    this.share = share;
    this.learning = learning;
    this.hadTexts = hadTexts;
  }
}

/**
 * Reads a stream once, or more often if that is needed: to learn a field of another kind than its first
 * values suggested, labels that turn out to be texts, and the share of "auto" if there are more than a
 * million rows or fewer than a thousand.
 *
 * @param open Opens the stream.
 * @param plan What the survey needs to know.
 * @param pacer Says when to give way to the event loop.
 * @returns What was found.
 * @throws TypeError, RangeError or Error that names the block, or what the stream throws.
 */
export async function surveyStream(open: OpenBlocks, plan: SurveyPlan, pacer: Pacer): Promise<Survey> {
  let again = new ReadAgain(plan.share === "auto" ? SHARE : plan.share, plan.space, false);
  for (;;) {
    const reading = new Reading(plan, again);
    const blocks = open();
    try {
      for (;;) {
        const { done, value } = await pacer.wait(blocks.next());
        if (done) break;
        await reading.add(value, pacer);
      }
    } finally {
      await closed(blocks.return());
    }
    const found = await reading.finish(pacer);
    if (!(found instanceof ReadAgain)) return found;
    again = found;
  }
}

/** One reading. */
class Reading {
  /** The vocabulary that is learned; the features if there is nothing to learn; null before the first row. */
  #learning: Learning | LearnedSpace | null;
  readonly #plan: SurveyPlan;
  readonly #share: number;
  readonly #isHeldOut: (row: number) => boolean;
  readonly #labels: StreamLabels;
  readonly #search: Search | null;
  /** The rows and labels that are held out, of each block that has some. */
  readonly #heldOut: { x: CheckedRows; y: readonly unknown[]; place: string }[] = [];
  #rows = 0;
  #columns = 0;
  readonly #hadTexts: boolean;
  #labelsAreTexts = false;

  constructor(plan: SurveyPlan, { share, learning, hadTexts }: ReadAgain) {
    const { seed, loss, known, space, grows } = plan;
    this.#plan = plan;
    this.#share = share;
    this.#hadTexts = hadTexts;
    this.#learning = learning;
    const key = randomKey(seed, Stream.split);
    this.#isHeldOut = (row) => share > 0 && randomUniform(key, row) < share;
    this.#labels = new StreamLabels(loss, known);
    this.#search = space !== null && grows ? plan.beginSearch() : null;
  }

  /** Whether "auto" holds out too many rows of so many. Then they are only counted. */
  get #isLarge(): boolean {
    return this.#plan.share === "auto" && this.#share === SHARE && this.#rows > MOST_HELD_OUT / SHARE;
  }

  /** Adds the rows of a block. */
  async add({ x, y, rows, place }: CheckedBlock, pacer: Pacer): Promise<void> {
    const first = this.#rows;
    this.#rows += rows;
    this.#labelsAreTexts ||= !this.#hadTexts && this.#labels.turnsToTexts(y);
    if (this.#isLarge || this.#labelsAreTexts) return;
    const isKept = (row: number): boolean => !this.#isHeldOut(first + row);
    this.#labels.add(y, rows, isKept, `${place}y`);
    const kept: number[] = [];
    const heldOut: number[] = [];
    for (let row = 0; row < rows; row++) (isKept(row) ? kept : heldOut).push(row);
    if (heldOut.length > 0) {
      const held = Array.from(heldOut, (row) => (y as ArrayLike<unknown>)[row]);
      this.#heldOut.push({ x: takeRows(x, Uint32Array.from(heldOut)), y: held, place });
    }
    this.#learning ??= this.#plan.beginLearning(needsEncoder(x));
    const part = heldOut.length === 0 ? x : takeRows(x, Uint32Array.from(kept));
    await runPaced(this.#learn(this.#learning, { rows: part, place: `${place}x` }), pacer);
    if (pacer.due) await pacer.rest();
  }

  *#learn(
    learning: Learning | LearnedSpace,
    part: { rows: CheckedRows; place: string },
  ): Generator<void, void> {
    if (this.#search !== null) yield* this.#search.add(part);
    else if ("add" in learning) yield* learning.add(part, false);
    else if (learning.numFeatures === null) {
      const { rows } = part;
      const { cols } = isSparseRows(rows) ? rows : yield* readRows(rows, learning, part.place);
      this.#columns = Math.max(this.#columns, cols);
    }
  }

  /** Returns what was found, or asks for another reading. */
  async finish(pacer: Pacer): Promise<Survey | ReadAgain> {
    const { caller, loss, share, space: known } = this.#plan;
    const rows = this.#rows;
    const place = `${caller}: `;
    if (rows === 0) throw new RangeError(`${place}needs at least one row, got 0`);
    if (this.#labelsAreTexts) return new ReadAgain(this.#share, known, true);
    if (this.#isLarge) return new ReadAgain(MOST_HELD_OUT / rows, known, this.#hadTexts);
    if (share === "auto" && this.#share > 0 && rows < LEAST_ROWS)
      return new ReadAgain(0, known, this.#hadTexts);
    const learning = this.#learning!;
    const isLearning = "add" in learning;
    if (isLearning && !(await runPaced(learning.finish(), pacer)))
      return new ReadAgain(this.#share, learning, this.#hadTexts);
    const space = isLearning ? learning.space() : learning;
    const classes = this.#labels.classes(`${place}y`);
    const heldOut = this.#heldOut.map(({ x, y, place }) => {
      return { x, targets: readTargets(`${place}y`, loss, y, y.length, classes).targets };
    });
    if (this.#share > 0 && (heldOut.length === 0 || this.#labels.statistics.count === 0)) {
      const least = `a share that holds out at least one row and not all (of ${rows})`;
      throw wrongValue(`${place}validation`, least, this.#share);
    }
    return {
      ...{ rows, isHeldOut: this.#isHeldOut, heldOut, labels: this.#labels, classes },
      space: { ...space, numFeatures: space.numFeatures ?? this.#columns },
      levels: this.#search?.levels() ?? [],
    };
  }
}
