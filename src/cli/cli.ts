#!/usr/bin/env node
// The command `neural-fm`. Everything it does is in main.ts, where tests reach it.

import { main } from "./main.ts";

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0); // the reader, such as `head`, has enough
  process.stderr.write(`neural-fm: ${error.message}\n`);
  process.exit(1);
});
process.exitCode = await main(process.argv.slice(2), process);
