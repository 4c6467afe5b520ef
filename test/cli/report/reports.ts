// Reports for tests: a usual one, whose parts a test replaces.

import { constantMetrics, diagnose } from "../../../src/cli/report/diagnostics.ts";
import type { Report } from "../../../src/cli/report/report.ts";

/** Names that break out of markup, of text direction, of lines and of documents. */
export const HOSTILE: readonly string[] = [
  `<script>alert("x")</script>`,
  `"><img src=https://example.invalid/x onerror='alert(1)'>`,
  "</bdi></th></table></style></title>&amp;<!--",
  "שלום=\u202eevil\u202c",
  "👩‍👩‍👧 名前".repeat(40),
  "x".repeat(5000),
  "nul\u0000 bell\u0007 lone \ud800 \uffff",
  "",
  "  \n\t ",
];

/** 200 predictions from 0 to 1 and labels that come true about as often. */
const predictions: readonly number[] = Array.from({ length: 200 }, (_, i) => (i + 0.5) / 200);
const labels: readonly number[] = predictions.map((p, i) => (((i * 37) % 100) / 100 < p ? 1 : 0));

/**
 * A report of clicks.
 *
 * @param parts What is different.
 * @returns The report.
 */
export function reportOf(parts: Partial<Report> = {}): Report {
  return {
    title: "clicks.csv",
    date: "2026-03-14 15:09 UTC",
    version: "1.2.3",
    command: "neural-fm train clicks.csv --label click --k 16",
    seconds: 12.34,
    rows: { trained: 1800, heldOut: 200 },
    heldOut: "A tenth of the rows was held out.",
    stopped: "Training ended after 3 passes.",
    features: 321,
    parameters: 4567,
    loss: "log",
    label: "click",
    classes: ["no", "yes"],
    notices: [],
    settings: [
      { name: "embeddingDim", value: "16", isDefault: false },
      { name: "seed", value: "0", isDefault: true },
    ],
    fields: [
      { name: "user", kind: "category", levels: 300, range: null, missing: 0 },
      { name: "price", kind: "number", levels: null, range: [1.43, 9.93], missing: 0.034 },
    ],
    curve: {
      points: [
        { epoch: 1, loss: 0.6, validation: { loss: 0.55, logloss: 0.55, auc: 0.7 } },
        { epoch: 2, loss: 0.5, validation: { loss: 0.45, logloss: 0.45, auc: 0.8 } },
        { epoch: 3, loss: 0.4, validation: { loss: 0.5, logloss: 0.5, auc: 0.78 } },
      ],
      best: 1,
      isKept: true,
      monitor: "loss",
    },
    metrics: {
      heldOut: { logloss: 0.45, auc: 0.8 },
      training: { logloss: 0.4, auc: 0.85 },
      constant: constantMetrics("log", labels),
    },
    diagnostics: diagnose("log", predictions, labels),
    diagnosticsOf: "held-out",
    strongest: {
      rows: 200,
      fields: [{ names: ["user"], effect: 0.5 }],
      fieldPairs: [{ names: ["price", "user"], effect: 0.2 }],
      features: [{ name: "user=ana", effect: 0.5, mean: -0.25, rows: 50, weight: 0.125, norm: 2 }],
      pairs: [{ names: ["price", "user=ana"], effect: 0.2, mean: 0.4, rows: 50 }],
    },
    ...parts,
  };
}

/** A report of prices. */
export function priceReport(parts: Partial<Report> = {}): Report {
  const actual = predictions.map((p, i) => 100 * p + ((i * 37) % 11) - 5);
  const predicted = predictions.map((p) => 100 * p);
  return reportOf({
    loss: "squared",
    label: "price",
    classes: null,
    metrics: { heldOut: { rmse: 3, mae: 2.5 }, training: null, constant: constantMetrics("squared", actual) },
    diagnostics: diagnose("squared", predicted, actual),
    ...parts,
  });
}
