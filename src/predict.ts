// The small entry "neural-fm/predict": load a model and predict.

export type { Notice, NoticeKind, NoticeOptions } from "./core/notices.ts";
export type { NumberArray } from "./data/columns.ts";
export type { Encoder, FeatureEncoderJSON } from "./data/encoder.ts";
export type { FeatureEncoderOptions, NumbersOption } from "./data/encoder-options.ts";
export type { FeatureMap, FeatureRow, FeatureValue, Level } from "./data/feature-map.ts";
export type { FieldInfo, FieldKind, FieldRecord } from "./data/fields.ts";
export type { Classes } from "./data/labels.ts";
export type { NumberCode } from "./data/number-codes.ts";
export type { ColumnsObject, PredictedColumns, RowIterable, Rows, RowsOf } from "./data/rows.ts";
export type { SparseVector } from "./data/sparse-row.ts";
export type { ArqueroTable, ArrowTable, DuckDBTable, Table } from "./data/tables.ts";
export type { Explanation, FeaturePart, PairPart } from "./explain/explain.ts";
export type { ThreadOptions } from "./kernels/threads/thread-options.ts";
export type { Layer } from "./layers/layer.ts";
export type { LossName } from "./links.ts";
export type { Loss, PairwiseLoss, PointwiseLoss } from "./losses.ts";
export type { ModelBytes } from "./model/bytes.ts";
export type { ModelStream } from "./model/model-stream.ts";
export {
  type BackendName,
  type PredictOptions,
  Predictor,
  type PredictorOptions,
  type PredictorSummary,
  type Ranked,
  type RankOptions,
} from "./predictor.ts";
export type { Catalog } from "./ranking/catalog.ts";
export type {
  ItemFilter,
  ListOptions,
  ManyListOptions,
  Reason,
  Recommendation,
} from "./recommending/list-options.ts";
export { RecommenderPredictor } from "./recommending/recommender-predictor.ts";
