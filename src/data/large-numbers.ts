// Tells when values of encoded rows are so large that training may fail: sums of squares of x_i v_i in
// Bi-Interaction grow with the square of a value, so one feature in the thousands drowns all others.

import type { Notices } from "../core/notices.ts";
import type { Encoder } from "./encoder.ts";
import type { SparseRows } from "./sparse-row.ts";

/** Values of a larger magnitude are told. */
const LARGE = 1000;

/** Values between two pauses. */
const VALUES_PER_PAUSE = 2 ** 16;

/**
 * Tells the feature with the largest value, if it is above 1,000. Yields now and then.
 *
 * @param rows Encoded rows.
 * @param encoder The encoder of the rows; null: features are indices.
 * @param place What the notice calls the rows.
 * @param notices Where notices go.
 */
export function* tellLargeNumbers(
  rows: SparseRows,
  encoder: Encoder | null,
  place: string,
  notices: Notices,
): Generator<void, void> {
  const { values, indices } = rows;
  if (values === null || !notices.wants("large-numbers")) return;
  const end = rows.indptr[rows.rows];
  let largest = LARGE;
  let at = -1;
  for (let start = 0; start < end; start += VALUES_PER_PAUSE) {
    const stop = Math.min(start + VALUES_PER_PAUSE, end);
    for (let p = start; p < stop; p++) {
      if (values[p] <= largest && values[p] >= -largest) continue;
      largest = Math.abs(values[p]);
      at = p;
    }
    yield;
  }
  if (at < 0) return;
  const feature = encoder === null ? `index ${indices[at]}` : encoder.name(indices[at]);
  const value = Number(values[at].toPrecision(6));
  const effect = "Values above 1,000 can make training fail";
  notices.tell(
    "large-numbers",
    `${place} has the value ${value} in the feature ${feature}. ${effect}: ${remedyOf(encoder, feature)}`,
  );
}

/** Says how values of a feature become smaller. */
function remedyOf(encoder: Encoder | null, feature: string): string {
  if (encoder === null)
    return "divide the values by their largest one, or pass feature maps, which scale numbers";
  if (feature.includes("=")) return "divide the weights of this field by the largest one";
  return 'use the option numbers: "knots" or "standard"';
}
