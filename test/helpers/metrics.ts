// One metric of scored rows.

import { type Metric, type MetricInput, measureAll } from "../../src/metrics/metrics.ts";

export function measure(metric: Metric, input: MetricInput): number {
  return measureAll([metric], input)[metric];
}
