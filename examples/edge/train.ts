// Trains the model that worker.ts serves, and writes it to examples/edge/model.safetensors. Run it with
// `npm run example edge/train`.

import { createReadStream, writeFileSync } from "node:fs";
import { NFM } from "neural-fm";
import { readCSV } from "neural-fm/readers";

const { x, y } = await readCSV(createReadStream("examples/ratings.csv"), { label: "rating" }).rows();
const model = new NFM({ embeddingDim: 16, hiddenUnits: [16], fields: { hour: "number", price: "number" } });
await model.fit(x, y);

const bytes = model.save();
writeFileSync("examples/edge/model.safetensors", bytes);
console.log(`Wrote a model of ${model.numFeatures} features: ${(bytes.length / 1024).toFixed(0)} KiB.`);
