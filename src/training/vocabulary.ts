// Decides which features a model has, and which levels it learns later. Only training rows count, never
// validation rows.

import { wrongType, wrongValue } from "../core/errors.ts";
import { isSparseRow, isSparseRows, needsEncoder } from "../data/checked-rows.ts";
import { Columns } from "../data/columns.ts";
import { type EncoderFit, tellFull } from "../data/encoder-fit.ts";
import { FeatureEncoder } from "../data/feature-encoder.ts";
import type { FeatureMap } from "../data/feature-map.ts";
import type { Level, LevelSearch } from "../data/level-search.ts";
import { COLUMN_ROWS_PER_PAUSE, ROWS_PER_PAUSE } from "../data/rows.ts";
import type { DatasetSource, LearnedSpace, VocabularyRows } from "./dataset.ts";
import type { Settings } from "./options.ts";

/**
 * Decides how rows are encoded. Yields now and then. A fitted encoder is used as it is. Of an encoder that is
 * not fitted, only the options are used, for a new one. Without an encoder, feature maps get a new encoder,
 * unless `numFeatures` is given: then the keys of feature maps are feature indices.
 *
 * @param source The data, whose rows the vocabulary is learned from.
 * @param settings The options of the model.
 * @returns The features of the model.
 * @throws TypeError or RangeError that names row and field.
 */
export function* learnFeatures(
  { vocabulary, categories }: DatasetSource,
  settings: Settings,
): Generator<void, LearnedSpace> {
  const areNamed = vocabulary.some(({ rows }) => needsEncoder(rows));
  const learning = beginLearning(settings, areNamed, categories);
  if (!("add" in learning)) return learning;
  do for (const rows of vocabulary) yield* learning.add(rows);
  while (!(yield* learning.finish()));
  return learning.space();
}

/** A vocabulary that is being learned. Rows are added, and `finish` is called. */
export interface Learning {
  /**
   * Adds rows. Yields now and then.
   *
   * @param rows The rows.
   * @param isLast Whether they end a part of the rows. Fields that do not occur in a part are not missing
   *   there. Default: true.
   * @throws TypeError or RangeError that names row and field.
   */
  add(rows: VocabularyRows, isLast?: boolean): Generator<void, void>;
  /**
   * Ends learning. Yields now and then.
   *
   * @returns Whether learning is done. If not, all rows must be added again.
   */
  finish(): Generator<void, boolean>;
  /**
   * Returns the features when `finish` has returned true.
   *
   * @throws RangeError if there are more than the option `numFeatures` says.
   */
  space(): LearnedSpace;
}

/**
 * Begins to learn the features of a model, as `learnFeatures` describes.
 *
 * @param settings The options of the model.
 * @param areNamed Whether the rows are feature maps or columns.
 * @param categories Fields whose values are categories. Default: none is known.
 * @returns The learning; the features if there is nothing to learn.
 */
export function beginLearning(
  { encoder: given, numFeatures, maxFeatures, notices }: Settings,
  areNamed: boolean,
  categories?: readonly string[],
): Learning | LearnedSpace {
  if (given?.fitted) return { encoder: given.frozen(), numFeatures: numFeatures ?? given.numFeatures };
  if (given === null && !(numFeatures === null && areNamed)) return { encoder: null, numFeatures };
  const encoder = new FeatureEncoder(given?.options);
  const fit = encoder.beginFit(maxFeatures ?? Infinity, categories);
  return {
    *add({ rows, place, times }, isLast = true) {
      if (isSparseRows(rows))
        throw wrongType(place, "an array of feature maps, for the encoder to learn from", rows);
      yield* rows instanceof Columns ? addColumns(fit, rows, place, times) : addMaps(fit, rows, place, times);
      if (isLast) fit.endPart();
    },
    finish: () => fit.finishInParts(notices),
    space() {
      if (numFeatures !== null && encoder.numFeatures > numFeatures) {
        const least = `at least the number of features in the data (${encoder.numFeatures})`;
        throw wrongValue("NFM: numFeatures", least, numFeatures);
      }
      return { encoder: encoder.frozen(), numFeatures: numFeatures ?? encoder.numFeatures };
    },
  };
}

/**
 * Finds the levels that a model should learn in addition to those that it knows. Yields now and then. Nothing
 * changes yet.
 *
 * @param vocabulary The rows to look at. Sparse rows among them have no names and are passed over.
 * @param encoder The encoder of the model; null: the model has no names.
 * @param settings The options of the model.
 * @param caller The method, in notices.
 * @param minCount Least number of rows that must have a level.
 * @returns The levels in the order in which the rows have them; none if the vocabulary may not grow.
 * @throws TypeError or RangeError that names row and field.
 */
export function* findLevels(
  vocabulary: readonly VocabularyRows[],
  encoder: FeatureEncoder | null,
  settings: Settings,
  caller: string,
  minCount: number,
): Generator<void, readonly Level[]> {
  const search = beginSearch(encoder, settings, caller, minCount);
  for (const rows of vocabulary) yield* search.add(rows);
  return search.levels();
}

/** A search for the levels that `findLevels` finds. */
export interface Search {
  /**
   * Looks at rows. Yields now and then.
   *
   * @throws TypeError or RangeError that names row and field.
   */
  add(rows: VocabularyRows): Generator<void, void>;
  /** Returns the levels that were found. */
  levels(): readonly Level[];
}

/** Begins a search, as `findLevels` describes. */
export function beginSearch(
  encoder: FeatureEncoder | null,
  { grow, maxFeatures, notices }: Settings,
  caller: string,
  minCount: number,
): Search {
  if (!grow || !encoder?.canGrow) return { *add() {}, levels: () => [] };
  const search = encoder.beginSearch();
  return {
    *add({ rows, place, times }) {
      if (isSparseRows(rows)) return;
      yield* rows instanceof Columns
        ? addColumns(search, rows, place, times)
        : searchMaps(search, rows, place, times);
    },
    levels() {
      const levels = search.levels(minCount);
      const room = (maxFeatures ?? Infinity) - encoder.numFeatures;
      if (levels.length <= room) return levels;
      const left = levels.slice(room).map(({ field, level }) => `${field}=${level}`);
      tellFull(notices, caller, maxFeatures!, left);
      return levels.slice(0, room);
    },
  };
}

function* searchMaps(
  search: LevelSearch,
  maps: readonly unknown[],
  place: string,
  times?: number,
): Generator<void, void> {
  for (let i = 0; i < maps.length; i++) {
    if (!isSparseRow(maps[i])) search.add(maps[i] as FeatureMap, `${place}[${i}]`, times);
    if (i % ROWS_PER_PAUSE === 0) yield;
  }
}

function* addColumns(
  fit: EncoderFit | LevelSearch,
  columns: Columns,
  place: string,
  times?: number,
): Generator<void, void> {
  const { names, rows } = columns;
  const data = yield* columns.decode();
  for (let start = 0; start < rows; start += COLUMN_ROWS_PER_PAUSE) {
    fit.addColumns({ names, data }, start, Math.min(start + COLUMN_ROWS_PER_PAUSE, rows), place, times);
    yield;
  }
}

function* addMaps(
  fit: EncoderFit,
  maps: readonly unknown[],
  place: string,
  times?: number,
): Generator<void, void> {
  for (let i = 0; i < maps.length; i++) {
    if (isSparseRow(maps[i])) {
      throw wrongType(`${place}[${i}]`, "a feature map with field names, as the first row", maps[i]);
    }
    fit.add(maps[i] as FeatureMap, `${place}[${i}]`, times);
    if (i % ROWS_PER_PAUSE === 0) yield;
  }
}
