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

/** What is known about the labels of a file. */
export class LabelFacts {
  /** The different labels in the order of their first rows, at most one more than an error shows. */
  readonly different: Set<string | number> = new Set();
  /** Number of labels, and of those that are numbers or texts of numbers. */
  size = 0;
  numeric = 0;
  /** The first text that is no number. */
  firstText: { readonly row: number; readonly text: string } | null = null;

  /** Adds labels. */
  add(y: ArrayLike<number | string>): void {
    for (let i = 0; i < y.length; i++) {
      const label = y[i];
      if (this.different.size <= SHOWN) this.different.add(label);
      if (typeof label === "number" || isNumber(label)) this.numeric++;
      else this.firstText ??= { row: this.size + i, text: label };
    }
    this.size += y.length;
  }
}

/**
 * Chooses the loss if it is "auto": log for two different labels, otherwise squared; always squared for
 * libSVM files. Two numbers other than 0 and 1, or -1 and 1, become the names of two classes.
 *
 * @param file The file with the labels.
 * @param facts What is known about the labels.
 * @param choice The option `--loss`.
 * @param label Name of the label column; null for libSVM files.
 * @returns The loss, and whether labels are the names of classes.
 * @throws Error that names the file and the first label that does not fit.
 */
export async function chooseLoss(
  file: FileRows["file"],
  facts: LabelFacts,
  choice: LossChoice,
  label: string | null,
): Promise<{ loss: ChosenLabels["loss"]; areNames: boolean }> {
  if (label === null) return { loss: choice === "auto" ? "squared" : choice, areNames: false };
  const different = [...facts.different];
  const loss = choice !== "auto" ? choice : different.length === 2 ? "log" : "squared";
  if (loss !== "log" && loss !== "hinge") {
    if (facts.firstText !== null) await refuseTexts(file, facts, label);
    return { loss, areNames: false };
  }
  if (different.length > 2) {
    throw new Error(
      `${file.name}: --loss ${loss} is for two classes, and the column ${JSON.stringify(label)} has more ` +
        `different labels (${listed(different)}); take --loss squared for numbers, or another column`,
    );
  }
  const isPlain = (low: number): boolean => different.every((one) => one === low || one === 1);
  return { loss, areNames: !isPlain(0) && !isPlain(-1) };
}

/**
 * Chooses the loss as `chooseLoss`, and makes the labels what `fit` takes.
 *
 * @param rows The training rows.
 * @param choice The option `--loss`.
 * @param label Name of the label column; null for libSVM files.
 * @returns The labels and the loss.
 * @throws As `chooseLoss`.
 */
export async function chooseLabels(
  { file, y }: FileRows,
  choice: LossChoice,
  label: string | null,
): Promise<ChosenLabels> {
  const facts = new LabelFacts();
  facts.add(y);
  const { loss, areNames } = await chooseLoss(file, facts, choice, label);
  return { loss, y: areNames ? namesOf(y) : y };
}

/** Labels as the names of classes. */
export function namesOf(y: ArrayLike<number | string>): string[] {
  return Array.from<string | number, string>(y, String);
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
  { file, y }: FileRows,
  areTexts: boolean,
  label: string | null,
): Promise<TrainLabels> {
  if (label === null) return y;
  if (areTexts) return namesOf(y);
  const facts = new LabelFacts();
  facts.add(y);
  if (facts.firstText !== null) await refuseTexts(file, facts, label);
  return y;
}

function listed(labels: readonly (string | number)[]): string {
  const shown = labels.slice(0, SHOWN).map((one) => JSON.stringify(one));
  return labels.length > SHOWN ? `${shown.join(", ")}, …` : shown.join(", ");
}

function isNumber(text: string): boolean {
  return text.trim() !== "" && Number.isFinite(Number(text));
}

/** Throws the error about labels that are texts and should be numbers. */
async function refuseTexts(file: FileRows["file"], facts: LabelFacts, label: string): Promise<never> {
  const column = JSON.stringify(label);
  const { row, text } = facts.firstText!;
  if (facts.numeric * 2 < facts.size) {
    throw new Error(
      `${file.name}: the labels in the column ${column} are texts (${listed([...facts.different])}); a model learns ` +
        "numbers, or two classes: name another column with --label, or make two classes of them",
    );
  }
  const line = await lineOfRow(file, row);
  const at = line === null ? `${file.name}: row ${row + 1}` : `${file.name}:${line}`;
  throw new Error(
    `${at}: the label in the column ${column} must be a finite number, got ${JSON.stringify(text)}; ` +
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
