import { defineConfig, type Options } from "tsup";

const shared: Options = { target: "es2022", sourcemap: true, splitting: false };

const config: Options[] = [
  { ...shared, entry: { index: "src/index.ts" }, format: ["esm", "cjs"], dts: true, clean: true, platform: "neutral" },
  { ...shared, entry: { cli: "src/cli.ts" }, format: ["esm"], platform: "node" },
];

export default defineConfig(config) as Options[];
