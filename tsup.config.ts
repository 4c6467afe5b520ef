import { defineConfig, type Options } from "tsup";

const shared: Options = { target: "es2022", platform: "node", splitting: true };

// The entries of one format share their common code in chunks, so that a class is one class from whichever entry it comes.
// There are no source maps: the output keeps names, layout and the file of each part, and maps with the sources in them
// would be half of the package.
const config: Options[] = [
  {
    ...shared,
    entry: { index: "src/index.ts", predict: "src/predict.ts", cli: "src/cli/cli.ts" },
    format: ["esm"],
    dts: { entry: { index: "src/index.ts", predict: "src/predict.ts" } },
    clean: true,
  },
  {
    ...shared,
    entry: { index: "src/index.ts", predict: "src/predict.ts" },
    format: ["cjs"],
    dts: true,
  },
];

export default defineConfig(config) as Options[];
