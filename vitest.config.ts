import { defineConfig } from "vitest/config";
import { definition, trainingProgram } from "./training-program.ts";

export default defineConfig({
  define: definition(trainingProgram()),
  test: {
    include: ["test/**/*.test.ts"],
    // These need packages of their own: npm run test:tables.
    exclude: ["test/tables/**", "**/node_modules/**"],
    typecheck: { enabled: true, include: ["test/**/*.test-d.ts"], tsconfig: "./tsconfig.json" },
    testTimeout: 30_000,
    allowOnly: !process.env.CI,
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      // Types alone, and the first lines of the command, which tests run in a process of its own.
      exclude: [
        "src/kernels/kernels.ts",
        "src/kernels/kernel-set.ts",
        "src/training/dataset.ts",
        "src/cli/cli.ts",
        // These run on another thread, which the coverage does not see.
        "src/worker/main.ts",
        "src/worker/messages.ts",
      ],
      reporter: ["text-summary"],
      thresholds: { statements: 98.6, branches: 95.3, functions: 99.2, lines: 99 },
    },
  },
}) as ReturnType<typeof defineConfig>;
