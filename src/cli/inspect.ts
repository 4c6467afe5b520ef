// neural-fm inspect: shows what a model file holds. It reads the file by itself, so that it can also show a
// file that does not load.

import { readFileSync } from "node:fs";
import { NFM } from "../index.ts";
import type { Command, Streams, Values } from "./arguments.ts";
import { write } from "./arguments.ts";
import { messageOf, named } from "./files.ts";
import { healthLines } from "./inspect/health.ts";
import { readParts, type TensorPart } from "./inspect/parts.ts";
import { readNote } from "./model-note.ts";
import { fieldsOf } from "./train/summary.ts";

/** The command `inspect`. */
export const inspectCommand: Command = {
  positionals: ["MODEL"],
  options: {},
  run: inspect,
  help: `usage: neural-fm inspect MODEL

Shows the configuration, the fields, the sizes and the health of a model file.
`,
};

/** Number of fields, and of tensors, that are shown. */
const MOST_SHOWN = 60;

async function inspect([path]: readonly string[], _: Values, { stdout }: Streams): Promise<void> {
  const bytes = named(path, () => readFileSync(path));
  const { metadata, tensors } = named(path, () => readParts(bytes));
  let model: NFM | null = null;
  let fault = "";
  try {
    model = NFM.load(bytes, { notices: false });
  } catch (error) {
    fault = messageOf(error);
  }
  const sections = [
    section("Model", configurationLines(path, bytes.length, metadata, model)),
    ...(model === null ? [] : [section("Labels", labelLines(bytes, model))]),
    ...(model === null || fieldsOf(model).length === 0 ? [] : [section("Fields", fieldLines(model))]),
    section("Sizes", sizeLines(tensors)),
    section("Health", healthLines(tensors, model)),
  ];
  await write(stdout, sections.join("\n"));
  if (model === null) throw new Error(`${path}: the model does not load: ${fault.replace(/^load: /, "")}`);
}

function section(heading: string, lines: readonly string[]): string {
  return `${heading}\n${lines.map((line) => `  ${line}\n`).join("")}`;
}

function configurationLines(
  path: string,
  size: number,
  metadata: Readonly<Record<string, string>>,
  model: NFM | null,
): string[] {
  const lines = [`file: ${path}, ${count(size)} bytes`];
  let config: Record<string, unknown> = {};
  try {
    config = JSON.parse(metadata.config ?? "{}") as Record<string, unknown>;
  } catch {
    lines.push("configuration: is not JSON");
  }
  const all = model === null ? config : model.toJSON().options;
  for (const [name, value] of Object.entries(all)) lines.push(`${name}: ${JSON.stringify(value)}`);
  return lines;
}

function labelLines(bytes: Uint8Array, model: NFM): string[] {
  const learner = NFM.learnerOf(model);
  const { unit, classes } = learner.predictor!.labels;
  const note = readNote(bytes);
  const lines: string[] = [];
  if (note !== null) lines.push(`column: ${note.label}`);
  if (note !== null && note.ignored.length > 0)
    lines.push(`columns that are not read: ${note.ignored.join(", ")}`);
  if (classes !== null) {
    lines.push(
      `classes: ${classes.map((name) => JSON.stringify(name)).join(" and ")}; predictions are of the second`,
    );
  }
  if (unit !== null)
    lines.push(`standardized for training: mean ${short(unit.mean)}, scale ${short(unit.scale)}`);
  const range = learner.labelRange;
  if (range !== null && classes === null)
    lines.push(`range in training: ${short(range[0])} to ${short(range[1])}`);
  return lines.length === 0 ? ["nothing is known about them"] : lines;
}

function fieldLines(model: NFM): string[] {
  const fields = fieldsOf(model);
  const lines = fields.slice(0, MOST_SHOWN).map(({ name, kind, levels, range, missing }) => {
    const size = levels !== null ? `, ${count(levels)} levels` : "";
    const span = range !== null ? `, ${short(range[0])} to ${short(range[1])}` : "";
    const gaps = missing > 0 ? `, ${short(100 * missing)} % missing` : "";
    return `${name}: ${kind}${size}${span}${gaps}`;
  });
  return withRest(lines, fields.length);
}

function sizeLines(tensors: readonly TensorPart[]): string[] {
  const numbers = tensors.reduce((sum, { size }) => sum + size, 0);
  const lines = tensors.slice(0, MOST_SHOWN).map(({ name, shape, size }) => {
    return `${name}: ${shape.length === 0 ? "1" : shape.join(" x ")} = ${count(size)} numbers`;
  });
  return [`all tensors: ${count(numbers)} numbers`, ...withRest(lines, tensors.length)];
}

function withRest(lines: readonly string[], all: number): string[] {
  return all > MOST_SHOWN ? [...lines, `and ${count(all - MOST_SHOWN)} more`] : [...lines];
}

function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}

function short(value: number): string {
  return String(Number(value.toPrecision(5)));
}
