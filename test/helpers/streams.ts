// A stream of visits in blocks. Later blocks bring levels that no earlier block has. Every field is a category
// or a list, so that what an encoder learns from all blocks has the columns of a vocabulary that grew.

import { FeatureEncoder, type FeatureMap, NFM, type NFMOptions } from "../../src/index.ts";
import { readSafetensors } from "../../src/model/safetensors.ts";
import { numbers } from "../reference.ts";

/** One block of rows and labels. */
export interface Block {
  readonly x: FeatureMap[];
  readonly y: number[];
}

/** Kinds of the fields of `stream`. */
export const KINDS = { user: "category", item: "category", tags: "list", mix: "weighted list" } as const;

/** Nothing depends on the number of rows, and the vectors start large enough to matter. */
export const STREAM: NFMOptions = {
  embeddingDim: 5,
  hiddenUnits: [4],
  batchNorm: true,
  dropout: { biInteraction: 0.3, hidden: 0.2 },
  l2: { embedding: 0.01, linear: 0.02 },
  initStd: 0.3,
  learningRate: 0.1,
  labels: "raw",
  seed: 11,
  notices: false,
};

/** Blocks of rows with real weights. From block to block there are more users, items, tags and parts. */
export function stream(blocks: number, rows: number = 20, seed: number = 1): Block[] {
  const next = numbers(seed);
  const below = (n: number): number => Math.floor(next(0, n));
  return Array.from({ length: blocks }, (_, block) => {
    const x = Array.from({ length: rows }, () => ({
      user: `u${below(4 + 5 * block)}`,
      item: below(6 + 2 * block), // numbers are levels of a category too
      tags: [`t${below(3 + block)}`, `t${below(3 + block)}`],
      mix: { [`m${below(2 + block)}`]: Math.fround(next(0.5, 1.5)), nothing: 0 },
    }));
    return { x, y: x.map(() => next(-1, 1)) };
  });
}

/** All rows and labels of some blocks. */
export function joined(blocks: readonly Block[]): Block {
  return { x: blocks.flatMap(({ x }) => x), y: blocks.flatMap(({ y }) => y) };
}

/** An encoder that has learned all rows of some blocks. */
export function encoderOf(blocks: readonly Block[]): FeatureEncoder {
  return new FeatureEncoder({ fields: KINDS }).fit(joined(blocks).x);
}

/** A model that knows the vocabulary of some blocks from the start, and cannot grow. */
export function wholeModel(options: NFMOptions, blocks: readonly Block[]): NFM {
  return new NFM({ ...options, encoder: encoderOf(blocks), grow: false });
}

/** Every tensor, those of the optimizer too, and the names of the columns. */
export function contentOf(model: NFM): Record<string, unknown> {
  const { metadata, tensors } = readSafetensors(model.save({ optimizer: true }));
  const { encoder, training } = Object.fromEntries(metadata);
  return {
    tensors: Object.fromEntries(tensors),
    names: (JSON.parse(encoder) as { names: unknown }).names,
    training: JSON.parse(training) as unknown,
  };
}
