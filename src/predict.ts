// The small entry "neural-fm/predict": load a model and predict.

export {
  type PredictOptions,
  Predictor,
  type PredictorOptions,
  type Ranked,
  type RankOptions,
} from "./predictor.ts";
