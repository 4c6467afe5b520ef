// The small entry "neural-fm/predict": load a model and predict.

export { Predictor, type PredictOptions, type PredictorOptions, type Ranked, type RankOptions } from "./predictor.ts";
