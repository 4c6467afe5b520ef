// What may be wrong with the numbers of a model: some are not finite, many embeddings were never trained, or
// some weights are very large.

import { NFM } from "../../index.ts";
import type { TensorPart } from "./parts.ts";

/** An embedding that moved less than this share of its initial standard deviation has hardly moved. */
const HARDLY = 0.1;

/** Number of largest weights that are shown. */
const LARGEST = 5;

/**
 * Describes the health of a model.
 *
 * @param tensors The tensors of the file.
 * @param model The model; null if it does not load.
 * @returns Lines of text.
 */
export function healthLines(tensors: readonly TensorPart[], model: NFM | null): string[] {
  return [...finiteLines(tensors), ...(model === null ? [] : [...movedLines(model), ...largestLines(model)])];
}

function finiteLines(tensors: readonly TensorPart[]): string[] {
  const lines = tensors.flatMap(({ name, data }) => {
    if (data === null) return [];
    const bad = data.filter((value) => !Number.isFinite(value)).length;
    return bad === 0 ? [] : [`${name}: ${bad} of ${data.length} numbers are not finite`];
  });
  return lines.length === 0 ? ["all numbers are finite"] : lines;
}

/** Counts the embeddings that are where training begins. */
function movedLines(model: NFM): string[] {
  const { options, numFeatures } = model.toJSON();
  const { embeddingDim, seed, initStd } = options as { embeddingDim: number; seed: number; initStd: number };
  const fresh = new NFM({ embeddingDim, seed, initStd, numFeatures, hiddenUnits: [], notices: false });
  const [before, now] = [fresh, model].map((one) => one.tensor("embedding.weight").data);
  const least = HARDLY * initStd * Math.sqrt(embeddingDim);
  let still = 0;
  for (let feature = 0; feature < numFeatures; feature++) {
    let squares = 0;
    for (let d = feature * embeddingDim; d < (feature + 1) * embeddingDim; d++)
      squares += (now[d] - before[d]) ** 2;
    if (Math.sqrt(squares) <= least) still++;
  }
  const share = Math.round((100 * still) / numFeatures);
  return [`embeddings that hardly moved from their initial values: ${still} of ${numFeatures} (${share} %)`];
}

function largestLines(model: NFM): string[] {
  const { data } = model.tensor("linear.weight");
  const order = Array.from(data.keys()).sort((a, b) => Math.abs(data[b]) - Math.abs(data[a]));
  const named = order.slice(0, LARGEST).map((feature) => {
    return `${model.encoder?.name(feature) ?? `#${feature}`} ${Number(data[feature].toPrecision(4))}`;
  });
  return [`largest linear weights: ${named.join(", ")}`];
}
