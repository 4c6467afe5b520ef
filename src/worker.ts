// What users import from "neural-fm/worker": training on another thread. It needs the code of prediction. The
// code of training is in the text that the other thread starts from.

export { Predictor } from "./predictor.ts";
export { fitInWorker, type TrainedInWorker, type WorkerOptions } from "./worker/fit-in-worker.ts";
