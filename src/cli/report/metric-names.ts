// Metrics in words.

import { isHigherBetter, type Metric } from "../../metrics/metrics.ts";

const NAMES: Readonly<Record<string, string>> = {
  loss: "Loss",
  logloss: "Log loss",
  auc: "AUC",
  accuracy: "Accuracy",
  rmse: "RMSE",
  "rmse-clamped": "RMSE, clamped",
  mae: "MAE",
  mrr: "MRR",
};

const MEANINGS: Readonly<Record<string, string>> = {
  loss: "what training minimizes",
  logloss: "mean negative log likelihood",
  auc: "how often a positive row scores above a negative one",
  accuracy: "share of rows in the right class",
  rmse: "root of the mean squared error",
  "rmse-clamped": "RMSE within the range of the training labels",
  mae: "mean absolute error",
};

/**
 * Names a metric.
 *
 * @param metric Its name in the library, such as "logloss".
 * @returns Its name in text, such as "Log loss".
 */
export function metricName(metric: string): string {
  return NAMES[metric] ?? metric.replace(/^(ndcg|group-auc)/, (name) => name.toUpperCase());
}

/**
 * Names a metric within a sentence.
 *
 * @param metric Its name in the library.
 * @returns Its name, such as "log loss" or "AUC".
 */
export function metricInText(metric: string): string {
  const name = metricName(metric);
  return /^[A-Z][a-z]/.test(name) ? name[0].toLowerCase() + name.slice(1) : name;
}

/**
 * Says what a metric is.
 *
 * @param metric Its name in the library.
 * @returns A few words; "" if there are none.
 */
export function metricMeaning(metric: string): string {
  return MEANINGS[metric] ?? "";
}

/**
 * Says by how much a value beats that of the constant prediction.
 *
 * @param metric Name of the metric.
 * @param value The value of the model.
 * @param constant The value of the constant prediction.
 * @returns The share of the constant's error that is gone, negative if the model is worse; null if that is no
 *   finite number.
 */
export function gainOver(metric: string, value: number, constant: number): number | null {
  const gain = isHigherBetter(metric as Metric | "loss")
    ? (value - constant) / (1 - constant)
    : (constant - value) / constant;
  return Number.isFinite(gain) ? gain : null;
}
