// What users import.

export { NFM, type Ranked } from "./nfm.ts";
export { Recommender, type HeldOutEvents, type Recommendation, type RecommenderFitOptions, type RecommenderOptions } from "./recommender.ts";
export type { Catalogue } from "./ranking/catalogue.ts";
export type { Explanation, FeaturePart, PairPart } from "./explain.ts";
export type { LoadOverrides, NFMOptions } from "./options.ts";
export type { RowLike, SparseVector } from "./core/sparse-row.ts";
export { CSRMatrix } from "./core/sparse.ts";
export { FeatureEncoder, type FeatureEncoderJSON, type FeatureEncoderOptions, type FeatureMap, type FeatureRow, type FeatureValue } from "./data/feature-encoder.ts";
export type { Id } from "./data/ids.ts";
export type { Input } from "./data/input.ts";
export { parseLibSVM, readLibSVM } from "./data/libsvm.ts";
export { Activation } from "./layers/activation.ts";
export { BatchNorm } from "./layers/batch-norm.ts";
export { Dense } from "./layers/dense.ts";
export { Dropout } from "./layers/dropout.ts";
export type { Layer, LayerPass, LayerShape, ParameterSpec } from "./layers/layer.ts";
export type { Tensor } from "./core/tensor.ts";
export { maxMargin, type Loss, type LossName, type PairwiseLoss, type PointwiseLoss } from "./losses.ts";
export { Adagrad, SGD, type Optimizer } from "./optimizers.ts";
export type { Kernels, Update } from "./kernels/kernels.ts";
export type { BatchEvent, EpochEvent, FitOptions, Validation } from "./training/fit-options.ts";
export type { History } from "./training/fit.ts";
export type { Metric } from "./training/metrics.ts";
export type { RankingMetric } from "./training/ranking-metrics.ts";
export type { EpochRecord } from "./training/progress.ts";
