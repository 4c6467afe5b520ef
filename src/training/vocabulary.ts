// Decides which features a model has. Only training rows count, never validation rows.

import { wrongType, wrongValue } from "../core/errors.ts";
import type { Notices } from "../core/notices.ts";
import { isSparseRow, isSparseRows, needsEncoder } from "../data/checked-rows.ts";
import { Columns } from "../data/columns.ts";
import type { EncoderFit } from "../data/encoder-fit.ts";
import { FeatureEncoder } from "../data/feature-encoder.ts";
import type { FeatureMap } from "../data/feature-map.ts";
import { COLUMN_ROWS_PER_PAUSE, ROWS_PER_PAUSE } from "../data/rows.ts";
import type { VocabularyRows } from "./dataset.ts";

/** The features of a model, and the encoder that it keeps. */
export interface LearnedSpace {
  /** The fitted encoder; null: the keys of feature maps are feature indices. */
  readonly encoder: FeatureEncoder | null;
  /** Number of features; null: as many as the data have. */
  readonly numFeatures: number | null;
}

/**
 * Decides how rows are encoded. Yields now and then. A fitted encoder is used as it is. Of an encoder that is
 * not fitted, only the options are used, for a new one. Without an encoder, feature maps get a new encoder,
 * unless `numFeatures` is given: then the keys of feature maps are feature indices.
 *
 * @param vocabulary The rows to learn the vocabulary from.
 * @param given The encoder from the model's options; null: none.
 * @param numFeatures The number of features from the model's options; null: not given.
 * @param notices Where notices go.
 * @returns The features of the model.
 * @throws TypeError or RangeError that names row and field.
 */
export function* learnFeatures(
  vocabulary: readonly VocabularyRows[],
  given: FeatureEncoder | null,
  numFeatures: number | null,
  notices: Notices,
): Generator<void, LearnedSpace> {
  if (given?.fitted) return { encoder: given.frozen(), numFeatures: numFeatures ?? given.numFeatures };
  const isNamed = numFeatures === null && vocabulary.some(({ rows }) => needsEncoder(rows));
  if (given === null && !isNamed) return { encoder: null, numFeatures };
  const encoder = new FeatureEncoder(given?.options);
  yield* learnVocabulary(encoder, vocabulary, notices);
  if (numFeatures !== null && encoder.numFeatures > numFeatures) {
    const least = `at least the number of features in the data (${encoder.numFeatures})`;
    throw wrongValue("NFM: numFeatures", least, numFeatures);
  }
  return { encoder: encoder.frozen(), numFeatures: numFeatures ?? encoder.numFeatures };
}

/** Fits a new encoder to all feature maps. */
function* learnVocabulary(
  encoder: FeatureEncoder,
  vocabulary: readonly VocabularyRows[],
  notices: Notices,
): Generator<void, void> {
  const fit = encoder.beginFit();
  do yield* addRows(fit, vocabulary);
  while (!(yield* fit.finishInParts(notices)));
}

/** Adds all rows, each part for itself. */
function* addRows(fit: EncoderFit, vocabulary: readonly VocabularyRows[]): Generator<void, void> {
  for (const { rows, place, times } of vocabulary) {
    if (isSparseRows(rows))
      throw wrongType(place, "an array of feature maps, for the encoder to learn from", rows);
    yield* rows instanceof Columns ? addColumns(fit, rows, place, times) : addMaps(fit, rows, place, times);
    fit.endPart();
  }
}

function* addColumns(
  fit: EncoderFit,
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
