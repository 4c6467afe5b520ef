// What users import from "neural-fm".

export type { Notice, NoticeKind, NoticeOptions } from "./core/notices.ts";
export type { RandomKey } from "./core/random.ts";
export type { Tensor } from "./core/tensor.ts";
export type { NumberArray } from "./data/columns.ts";
export type { CSRInit } from "./data/csr-check.ts";
export { CSRMatrix } from "./data/csr-matrix.ts";
export type { Encoder, FeatureEncoderJSON } from "./data/encoder.ts";
export type { FeatureEncoderOptions, NumbersOption } from "./data/encoder-options.ts";
export { FeatureEncoder } from "./data/feature-encoder.ts";
export type { FeatureMap, FeatureRow, FeatureValue, Level } from "./data/feature-map.ts";
export type { FieldInfo, FieldKind, FieldRecord } from "./data/fields.ts";
export type { Id, IdsOption } from "./data/ids.ts";
export type { Classes, Label, Labels } from "./data/labels.ts";
export {
  type LibSVMData,
  type LibSVMReader,
  type LibSVMSource,
  type ParseLibSVMOptions,
  parseLibSVM,
  type ReadLibSVMOptions,
  readLibSVM,
} from "./data/libsvm.ts";
export type { NumberCode } from "./data/number-codes.ts";
export type { ColumnsObject, PredictedColumns, RowIterable, Rows, RowsOf } from "./data/rows.ts";
export type { RowLike, SparseRows, SparseVector } from "./data/sparse-row.ts";
export type { ArqueroTable, ArrowTable, DuckDBTable, Table } from "./data/tables.ts";
export type { Time, TimesOption } from "./data/times.ts";
export type { Explanation, FeaturePart, PairPart } from "./explain/explain.ts";
export type {
  ActivationName,
  Context,
  ForwardKernels,
  Kernels,
  NormTensors,
  SparseBatch,
  TrainingKernels,
  Update,
} from "./kernels/kernels.ts";
export type { ThreadOptions } from "./kernels/threads/thread-options.ts";
export { Activation } from "./layers/activation.ts";
export { BatchNorm } from "./layers/batch-norm.ts";
export { Dense } from "./layers/dense.ts";
export { Dropout } from "./layers/dropout.ts";
export type { Layer, LayerPass, LayerShape, ParameterSpec } from "./layers/layer.ts";
export type { LossName } from "./links.ts";
export { type ListwiseLoss, type Loss, maxMargin, type PairwiseLoss, type PointwiseLoss } from "./losses.ts";
export type { ListReport, ListSummary, MetricSummary, SliceSummary } from "./metrics/list-report.ts";
export type { Metric, RowMetric } from "./metrics/metrics.ts";
export type { RankingMetric } from "./metrics/ranking-metrics.ts";
export type { ArchitectureOptions, DropoutOptions } from "./model/architecture.ts";
export type { ModelBytes } from "./model/bytes.ts";
export type { ModelStream } from "./model/model-stream.ts";
export { type EvaluateOptions, NFM, type NFMSummary } from "./nfm.ts";
export { Adagrad, type AdagradOptions, type Optimizer, SGD, type SGDOptions } from "./optimizers.ts";
export type {
  BackendName,
  PredictOptions,
  PredictorOptions,
  PredictorSummary,
  Ranked,
  RankOptions,
} from "./predictor.ts";
export type { Catalog } from "./ranking/catalog.ts";
export {
  type EventSplit,
  type LeaveLastOutOptions,
  leaveLastOut,
  type SplitByTimeOptions,
  splitByTime,
} from "./ranking/event-splits.ts";
export type { HistoryOptions } from "./ranking/history.ts";
export { Recommender } from "./recommender.ts";
export type {
  RecommenderEvaluateOptions,
  RecommenderFitOptions,
  RecommenderOptions,
  RecommenderReportOptions,
  RecommenderUpdateOptions,
} from "./recommender-options.ts";
export type { HeldOutEvents } from "./recommending/held-out.ts";
export type {
  ItemFilter,
  ListOptions,
  ManyListOptions,
  Reason,
  Recommendation,
  RecommendedUser,
  RecommendManyOptions,
  RecommendOptions,
  SimilarItem,
} from "./recommending/list-options.ts";
export { RecommenderLists } from "./recommending/recommender-lists.ts";
export { RecommenderPredictor } from "./recommending/recommender-predictor.ts";
export type { LabeledBlock, LabeledStream } from "./training/datasets/streams/blocks.ts";
export type { CheckRecord } from "./training/early-stopping.ts";
export type { History, RefitHistory } from "./training/epochs.ts";
export type {
  BatchEvent,
  EpochEvent,
  FitOptions,
  FitPairsOptions,
  FitStreamOptions,
  HeldOutLabels,
  HeldOutPairs,
  StreamOptions,
} from "./training/fit-options.ts";
export type { L2Options, LoadOverrides, NFMOptions } from "./training/options.ts";
export type { EpochRecord } from "./training/progress.ts";
