// A small table of feature maps and a model fitted to it.

import { type FeatureMap, type FitOptions, NFM, type NFMOptions } from "../../src/index.ts";

export const maps: FeatureMap[] = Array.from({ length: 60 }, (_, i) => ({
  user: `u${i % 6}`,
  item: `i${i % 10}`,
  hour: (i % 24) / 24,
  tags: [`t${i % 3}`],
}));

export const labels: number[] = maps.map((_, i) => ((i * 7) % 5) - 2);

export const small = { embeddingDim: 4, hiddenUnits: [3] } as const;

export async function fitted(
  options: NFMOptions = small,
  fit: FitOptions = { epochs: 2, batchSize: 16 },
): Promise<NFM> {
  const model = new NFM(options);
  await model.fit(maps, labels, fit);
  return model;
}
