// What the labels of a file decide: the loss, and whether labels are numbers or the names of two classes.

import { recordsOf } from "../records.ts";
import type { LossChoice } from "./options.ts";
import type { FileRows } from "./rows.ts";

/** Labels as `fit` takes them. */
export type TrainLabels = ArrayLike<number> | readonly string[];

/** Labels, and the loss for them. */
export interface ChosenLabels {
  readonly loss: Exclude<LossChoice, "auto">;
  /** Numbers, or the names of two classes; (rows). */
  readonly y: TrainLabels;
}

/** Number of different labels that an error shows. */
const SHOWN = 4;

/**
 * Chooses the loss if it is "auto": log for two different labels, otherwise squared; always squared for
 * libSVM files. Two numbers other than 0 and 1, or -1 and 1, become the names of two classes.
 *
 * @param rows The training rows.
 * @param choice The option `--loss`.
 * @param label Name of the label column; null for libSVM files.
 * @returns The labels and the loss.
 * @throws Error that names the file and the first label that does not fit.
 */
export async function chooseLabels(
  rows: FileRows,
  choice: LossChoice,
  label: string | null,
): Promise<ChosenLabels> {
  const { file, y } = rows;
  if (label === null) return { loss: choice === "auto" ? "squared" : choice, y };
  const different = someDifferent(y);
  const areTexts = typeof y[0] === "string";
  const loss = choice !== "auto" ? choice : different.length === 2 ? "log" : "squared";
  if (loss !== "log" && loss !== "hinge") {
    if (areTexts) await refuseTexts(rows, label);
    return { loss, y };
  }
  if (different.length > 2) {
    throw new Error(
      `${file.name}: --loss ${loss} is for two classes, and the column ${JSON.stringify(label)} has more ` +
        `different labels (${listed(different)}); take --loss squared for numbers, or another column`,
    );
  }
  const isPlain = (low: number): boolean => different.every((one) => one === low || one === 1);
  return { loss, y: areTexts || isPlain(0) || isPlain(-1) ? y : Array.from(y, String) };
}

/**
 * Makes the labels of another file like those of the training rows.
 *
 * @param rows The other rows.
 * @param areTexts Whether the training labels are the names of classes.
 * @param label Name of the label column; null for libSVM files.
 * @returns The labels.
 * @throws Error that names file and label if a number is needed and there is a text.
 */
export async function labelsLike(
  rows: FileRows,
  areTexts: boolean,
  label: string | null,
): Promise<TrainLabels> {
  if (label === null) return rows.y;
  if (areTexts) return Array.from<string | number, string>(rows.y, String);
  if (typeof rows.y[0] === "string") await refuseTexts(rows, label);
  return rows.y;
}

/** The different labels in the order of their first rows, at most one more than an error shows. */
function someDifferent(y: FileRows["y"]): (string | number)[] {
  const different = new Set<string | number>();
  for (let row = 0; row < y.length && different.size <= SHOWN; row++) different.add(y[row]);
  return [...different];
}

function listed(labels: readonly (string | number)[]): string {
  const shown = labels.slice(0, SHOWN).map((one) => JSON.stringify(one));
  return labels.length > SHOWN ? `${shown.join(", ")}, …` : shown.join(", ");
}

/** Throws the error about labels that are texts and should be numbers. */
async function refuseTexts({ file, y }: FileRows, label: string): Promise<never> {
  const texts = y as readonly string[];
  const isNumber = (text: string): boolean => text.trim() !== "" && Number.isFinite(Number(text));
  const column = JSON.stringify(label);
  const bad = texts.findIndex((text) => !isNumber(text));
  if (texts.filter(isNumber).length * 2 < texts.length) {
    throw new Error(
      `${file.name}: the labels in the column ${column} are texts (${listed(someDifferent(y))}); a model learns ` +
        "numbers, or two classes: name another column with --label, or make two classes of them",
    );
  }
  const line = await lineOfRow(file, bad);
  const at = line === null ? `${file.name}: row ${bad + 1}` : `${file.name}:${line}`;
  throw new Error(
    `${at}: the label in the column ${column} must be a finite number, got ${JSON.stringify(texts[bad])}; ` +
      "correct it, or leave the row out",
  );
}

/** Finds the line of a row; null if the file cannot be read again. */
async function lineOfRow(file: FileRows["file"], row: number): Promise<number | null> {
  if (file.path === "-") return null;
  let number = file.format === "csv" ? -1 : 0;
  for await (const { line } of recordsOf(file)) if (number++ === row) return line;
  return null;
}
