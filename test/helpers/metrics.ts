// One metric of scored rows.

import { measureAll, type Metric, type MetricInput } from "../../src/metrics/metrics.ts";

export function measure(metric: Metric, input: MetricInput): number {
  return measureAll([metric], input)[metric];
}
