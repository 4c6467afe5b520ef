// The tests of tables of other libraries, which `npm run test:tables` installs in this folder.

import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    dir: fileURLToPath(new URL(".", import.meta.url)),
    include: ["*.test.ts"],
    testTimeout: 60_000,
    allowOnly: !process.env.CI,
  },
}) as ReturnType<typeof defineConfig>;
