#!/usr/bin/env node
// The program `neural-fm`. Its work is in main.ts, so that tests can call it.

import { main } from "./main.ts";

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0); // the reader, such as `head`, has closed the pipe
  process.stderr.write(`neural-fm: ${error.message}\n`);
  process.exit(1);
});
process.exitCode = await main(process.argv.slice(2), process);
