// The loop over epochs. An epoch visits the examples in a new order, one batch at a time. Then it measures
// validation data, decides on early stopping, and reports to callbacks and to the progress display. When
// anything throws, the model goes back to the end of the last good epoch.

import type { Pacer } from "../core/event-loop.ts";
import { randomKey, randomPermutation, Stream } from "../core/random.ts";
import type { Metric } from "../metrics/metrics.ts";
import { Checkpoints } from "./checkpoint.ts";
import type { Dataset } from "./dataset.ts";
import { EarlyStopping } from "./early-stopping.ts";
import type { EpochEvent, FitSettings } from "./fit-options.ts";
import { type EpochRecord, Progress } from "./progress.ts";
import type { Trainer } from "./trainer.ts";
import type { Measure } from "./validation.ts";

/** The history of one `fit`. */
export interface History {
  /** One record per epoch. */
  readonly epochs: readonly EpochRecord[];
  /** Number of the best epoch by the monitored metric; null without validation. */
  readonly bestEpoch: number | null;
  /** Why training ended: all epochs are done, patience ran out, or a callback returned false. */
  readonly stopped: "epochs" | "patience" | "callback";
  /** Number of groups without two different labels, or of events for which no negative item exists. */
  readonly skipped: number;
}

/** How to measure the model after every epoch, and which value decides which epoch is best. */
export interface ValidationPlan {
  /** The metric that decides which epoch is best. */
  readonly monitor: Metric | "loss";
  /** Measures the model on the validation data. */
  readonly measure: Measure;
}

const REMEDY =
  "a lower learningRate, smaller feature values or batchNorm usually helps. " +
  "The model is as after the last good epoch";

/**
 * Trains for the given number of epochs.
 *
 * @param caller Name of the method that errors start with, such as "fit".
 * @param trainer The model, with memory reserved for the batches.
 * @param dataset The examples to train on.
 * @param validation How to measure the model after every epoch; null: not at all.
 * @param seed Seed of the order of the examples, an integer from 0 to 2^53 - 1.
 * @param settings The checked options of `fit`.
 * @param pacer Says when to give way to the event loop.
 * @returns The history of the training.
 * @throws Error when the loss or a parameter is no longer finite. Whatever a callback or the abort signal
 *   throws is passed on. In every case the trainer is as after its last complete epoch.
 */
export async function runEpochs(
  caller: string,
  trainer: Trainer,
  dataset: Dataset,
  validation: ValidationPlan | null,
  seed: number,
  settings: FitSettings,
  pacer: Pacer,
): Promise<History> {
  const { epochs, patience } = settings;
  const { record } = trainer;
  const stopping = new EarlyStopping(validation?.monitor ?? "loss", patience);
  const checkpoints = new Checkpoints();
  const progress = settings.progress ? new Progress(epochs, dataset.size) : null;
  const records: EpochRecord[] = [];
  let stopped: History["stopped"] = "epochs";
  if (settings.resume) checkpoints.capture(trainer, false);
  try {
    for (let i = 0; i < epochs; i++) {
      const start = performance.now();
      const epoch = record.epochs + 1;
      const loss = await runEpoch(caller, trainer, dataset, epoch, seed, settings, progress, pacer);
      if (!trainer.isFinite())
        throw new Error(`${caller}: parameters became infinite in epoch ${epoch}; ${REMEDY}`);
      const measured = validation && (await validation.measure(trainer.predictor, pacer));
      const seconds = (performance.now() - start) / 1000;
      const finished = { epoch, loss, validation: measured, seconds };
      records.push(finished);
      record.epochs++;
      const best = measured !== null && stopping.observe(epoch, measured[validation!.monitor]);
      checkpoints.capture(trainer, best && settings.restoreBest);
      progress?.epoch(finished);
      const event: EpochEvent = { ...finished, epochs, best };
      if ((await settings.onEpoch?.(event)) === false) stopped = "callback";
      else if (stopping.shouldStop) stopped = "patience";
      if (stopped !== "epochs") break;
      settings.signal?.throwIfAborted();
    }
  } catch (error) {
    checkpoints.restoreLast(trainer);
    throw error;
  }
  checkpoints.restoreBest(trainer);
  return { epochs: records, bestEpoch: stopping.bestEpoch, stopped, skipped: dataset.skipped };
}

/** Trains on every example once. Returns the mean loss, each batch measured before its step. */
async function runEpoch(
  caller: string,
  trainer: Trainer,
  dataset: Dataset,
  epoch: number,
  seed: number,
  settings: FitSettings,
  progress: Progress | null,
  pacer: Pacer,
): Promise<number> {
  const { batchSize, shuffle, signal, onBatch } = settings;
  const { size } = dataset;
  const order = shuffle ? randomPermutation(randomKey(seed, Stream.shuffle, epoch), size) : null;
  const batches = Math.ceil(size / batchSize);
  let total = 0;
  let totalWeight = 0;
  for (let start = 0, batch = 1; start < size; start += batchSize, batch++) {
    const end = Math.min(start + batchSize, size);
    const loss = trainer.step(dataset, order, start, end);
    if (!Number.isFinite(loss)) {
      throw new Error(
        `${caller}: the loss became ${loss} in epoch ${epoch}, batch ${batch} of ${batches}; ${REMEDY}`,
      );
    }
    const weight = dataset.weight({ epoch, order, start, end });
    total += loss * weight;
    totalWeight += weight;
    onBatch?.({ epoch, batch, batches, loss });
    progress?.batch(end, total / totalWeight);
    signal?.throwIfAborted();
    if (pacer.due) await pacer.rest();
  }
  return totalWeight === 0 ? 0 : total / totalWeight;
}
