// A trained model, and an independent reader and writer of its file, to look into files and to break them.

import { type FeatureMap, NFM } from "../../src/index.ts";

export interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: number[];
}

export type Header = Record<string, Entry> & { __metadata__: Record<string, string> };

/** An independent reader and writer of the format, to look into files and to break them. */
export function split(bytes: Uint8Array): { header: Header; data: Uint8Array } {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  return {
    header: JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Header,
    data: bytes.subarray(8 + length),
  };
}

export const maps: FeatureMap[] = Array.from({ length: 40 }, (_, i) => ({
  user: `u${i % 7}`,
  item: `i${i % 5}`,
  tags: [`t${i % 3}`, "all"],
  hour: i % 24,
}));

export const labels: number[] = maps.map((_, i) => (i % 3 === 0 ? 1 : 0));

export const options = {
  embeddingDim: 6,
  hiddenUnits: [5, 3],
  batchNorm: true,
  loss: "log",
  seed: 3,
} as const;

export const trained: NFM = new NFM(options);

await trained.fit(maps, labels, { epochs: 2, batchSize: 8 });
