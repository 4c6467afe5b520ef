// The page of `--report`, from what `train` knows.

import { type Labels, NFM } from "../../index.ts";
import { constantMetrics, diagnose } from "../report/diagnostics.ts";
import { sampleOf } from "../report/numeric.ts";
import { reportPage } from "../report/page.ts";
import { curveOf, type Setting } from "../report/report.ts";
import { strongest } from "../report/strongest.ts";
import { versionOf } from "../version.ts";
import { takeLabels } from "./held-out.ts";
import { asRows, singleRows, takeRows } from "./rows.ts";
import { fieldsOf } from "./summary.ts";
import { numbersOf, type Trained } from "./trained.ts";

/** Number of rows that are explained. */
const SAMPLE = 300;

/**
 * Makes the page.
 *
 * @param trained The training.
 * @returns An HTML document.
 */
export function trainingReport(trained: Trained): string {
  const { plan, rows, model, history, parts, validation, notices, seconds } = trained;
  const { loss } = NFM.learnerOf(model).settings;
  const heldOut = heldOutRows(trained);
  const shown = heldOut ?? { x: rows.x, y: trained.y };
  const labels = numbersOf(shown.y, model);
  const isPointwise = loss.kind === "pointwise";
  const metrics = isPointwise ? model.evaluate(asRows(shown.x), shown.y as Labels) : null;
  const predictions = model.predict(asRows(shown.x)) as Float32Array;
  const numHeldOut = heldOut?.y.length ?? 0;
  const numTrained = parts === null ? rows.size : parts.kept.length;
  const sample = sampleOf(shown.y.length, SAMPLE);
  const names = fieldsOf(model).map(({ name }) => name);
  return reportPage({
    title: plan.file.name,
    date: `${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC`,
    version: versionOf(),
    command: `neural-fm train ${plan.file.path} ${commandOf(plan.given)}`,
    seconds,
    rows: { trained: numTrained, heldOut: numHeldOut },
    heldOut:
      parts === null
        ? validation && `The rows of ${validation.rows.file.name} decided when to stop.`
        : `${numHeldOut} of ${rows.size} rows were held out to decide when to stop.`,
    stopped: stoppedIn(trained),
    features: model.numFeatures,
    parameters: model.numParameters,
    loss: loss.name,
    label: plan.label,
    classes: model.classes,
    notices,
    settings: settingsOf(trained),
    fields: fieldsOf(model).length === 0 ? null : fieldsOf(model),
    curve: curveOf(history, numTrained, plan.fit.metrics?.[0]),
    metrics: {
      heldOut: heldOut === null ? null : metrics,
      training: heldOut === null ? metrics : null,
      constant: isPointwise ? constantMetrics(loss.name, labels) : null,
    },
    diagnostics: diagnose(loss.name, predictions, labels),
    diagnosticsOf: heldOut === null ? "training" : "held-out",
    strongest: strongest(model, singleRows(shown.x, sample), { fields: names }),
  });
}

/** The rows that were not trained on; null if there are none, which is so after a refit. */
function heldOutRows({
  rows,
  y,
  history,
  parts,
  validation,
}: Trained): Pick<Trained["rows"], "x" | "y"> | null {
  if (validation !== null) return { x: validation.rows.x, y: validation.y };
  if (parts === null || history.refit !== null) return null;
  return { x: takeRows(rows.x, parts.heldOut), y: takeLabels(y, parts.heldOut) as string[] };
}

function stoppedIn({ history }: Trained): string {
  const { epochs, stopped, refit } = history;
  const why = {
    epochs: `All ${epochs.length} epochs are done.`,
    patience: `No better state came for some time, so training stopped in epoch ${epochs.length}.`,
    callback: "It was stopped.",
  }[stopped];
  return refit === null ? why : `${why} It then ran again on all rows for ${refit.steps} steps.`;
}

/** The settings of the command, those that were given first. */
function settingsOf({ plan, model }: Trained): Setting[] {
  const given = Object.entries(plan.given).map(([name, value]): Setting => {
    return { name: `--${name}`, value: value === "true" ? "yes" : value, isDefault: false };
  });
  const { options } = model.toJSON();
  const chosen = Object.entries(options).filter(([name]) => !Object.hasOwn(GIVEN_BY, name) || !isGiven(name));
  return [
    ...given,
    ...chosen.map(([name, value]) => ({ name, value: JSON.stringify(value), isDefault: true })),
  ];

  function isGiven(name: string): boolean {
    return GIVEN_BY[name].some((option) => Object.hasOwn(plan.given, option));
  }
}

/** The options of the command that set an option of the library. */
const GIVEN_BY: Readonly<Record<string, readonly string[]>> = {
  embeddingDim: ["k"],
  hiddenUnits: ["hidden"],
  activation: ["activation"],
  batchNorm: ["no-batch-norm"],
  dropout: ["dropout"],
  loss: ["loss"],
  seed: ["seed"],
  numFeatures: ["features"],
};

function commandOf(given: Readonly<Record<string, string>>): string {
  const words = Object.entries(given).map(([name, value]) => {
    if (value === "true") return `--${name}`;
    return /^[\w./:,-]+$/.test(value)
      ? `--${name} ${value}`
      : `--${name} '${value.replaceAll("'", "'\\''")}'`;
  });
  return words.join(" ");
}
