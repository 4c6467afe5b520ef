// neural-fm train | evaluate | predict | inspect | demo: reads the command line and runs a command. An error
// becomes one line on stderr. Exit code 0: success. Exit code 1: the command failed. Exit code 2: the command
// line is wrong.

import { parseArgs } from "node:util";
import { type Command, type Streams, UsageError, type Values, write } from "./arguments.ts";
import { messageOf } from "./files.ts";
import { nearestName } from "./nearest-name.ts";
import { versionOf } from "./version.ts";

const HELP = `Neural Factorization Machines for sparse features.

usage: neural-fm train DATA --label NAME [options]    train on a CSV file, JSON lines or libSVM
       neural-fm evaluate DATA --model FILE [options] measure a model on labeled rows
       neural-fm predict DATA --model FILE [options]  add predictions to rows
       neural-fm inspect MODEL                        show what a model file holds
       neural-fm demo [options]                       compare three models on generated data

  -h, --help     this text, or that of a command: neural-fm train --help
      --version  the version
`;

/** Each command is loaded when it runs. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  train: async () => (await import("./train.ts")).trainCommand,
  evaluate: async () => (await import("./evaluate.ts")).evaluateCommand,
  predict: async () => (await import("./predict.ts")).predictCommand,
  inspect: async () => (await import("./inspect.ts")).inspectCommand,
  demo: async () => (await import("./demo.ts")).demoCommand,
};

/**
 * Runs a command line.
 *
 * @param argv Arguments after the name of the program.
 * @param streams The output.
 * @returns The exit code: 0, 1 or 2.
 */
export async function main(argv: readonly string[], streams: Streams): Promise<number> {
  try {
    await dispatch(argv, streams);
    return 0;
  } catch (error) {
    const usage = error instanceof UsageError;
    const message = messageOf(error).replace(/\s*\n\s*/g, " ");
    streams.stderr.write(`neural-fm: ${message}${usage ? " (see neural-fm --help)" : ""}\n`);
    return usage ? 2 : 1;
  }
}

async function dispatch(argv: readonly string[], streams: Streams): Promise<void> {
  const [name, ...rest] = argv;
  if (name === "--help" || name === "-h") return write(streams.stdout, HELP);
  if (name === "--version") return write(streams.stdout, `${versionOf()}\n`);
  if (name === undefined) throw new UsageError("no command given");
  if (!Object.hasOwn(COMMANDS, name)) {
    const nearest = nearestName(name, Object.keys(COMMANDS));
    const guess = nearest === null ? "" : `; did you mean ${nearest}?`;
    throw new UsageError(`there is no command ${JSON.stringify(name)}${guess}`);
  }
  const command = await COMMANDS[name]();
  const { values, positionals } = parse(rest, command);
  if (values.help) return write(streams.stdout, command.help);
  if (positionals.length !== command.positionals.length) {
    const expected = command.positionals.length === 0 ? "no file" : command.positionals.join(" and ");
    throw new UsageError(
      `${name} needs ${expected}, got ${positionals.length === 0 ? "nothing" : positionals.join(" ")}`,
    );
  }
  await command.run(positionals, values, streams);
}

function parse(args: string[], { options }: Command): { values: Values; positionals: string[] } {
  try {
    const withHelp = { ...options, help: { type: "boolean", short: "h" } } as const;
    const parsed = parseArgs({ args, options: withHelp, allowPositionals: true, strict: true });
    return { values: parsed.values as Values, positionals: parsed.positionals };
  } catch (error) {
    const message = messageOf(error).replace(/\. To specify.*$/s, "");
    const [, unknown] = /^Unknown option '--([^']*)'/.exec(message) ?? [];
    const nearest = unknown === undefined ? null : nearestName(unknown, Object.keys(options));
    throw new UsageError(nearest === null ? message : `${message}; did you mean --${nearest}?`);
  }
}
