// Runs commands within the test, and keeps what they write.

import { EventEmitter } from "node:events";
import { main } from "../../src/cli/main.ts";

class Recorder extends EventEmitter {
  text = "";
  write(text: string): boolean {
    this.text += text;
    return true;
  }
}

/** What a command has written, and its exit code. */
export interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/**
 * Runs a command line.
 *
 * @param argv The arguments.
 * @returns What it has written.
 */
export async function run(...argv: string[]): Promise<Result> {
  const [stdout, stderr] = [new Recorder(), new Recorder()];
  const code = await main(argv, { stdout, stderr });
  return { code, out: stdout.text, err: stderr.text };
}
