// The loop over epochs. An epoch visits the examples in a new order, one batch at a time. Checks measure
// validation data, at the end of each epoch or also within it. They decide which state is kept and when
// training stops. When anything throws, the model goes back to the end of the last good epoch.

import { type Pacer, runPaced, runWhole } from "../core/event-loop.ts";
import { randomKey, randomPermutation, Stream } from "../core/random.ts";
import { Checkpoints, LARGE_MODEL } from "./checkpoint.ts";
import type { Dataset, StreamedDataset } from "./dataset.ts";
import { type CheckRecord, Checks, type ValidationPlan } from "./early-stopping.ts";
import type { EpochEvent, FitSettings } from "./fit-options.ts";
import { type EpochRecord, Progress } from "./progress.ts";
import type { Resumption } from "./resumption.ts";
import type { Trainer } from "./trainer.ts";

/** The history of one `fit`. */
export interface History {
  /** One record per epoch. The last epoch is shorter than the others if training stopped within it. */
  readonly epochs: readonly EpochRecord[];
  /** One record per measurement on validation data; none without validation. */
  readonly checks: readonly CheckRecord[];
  /** The best check by the monitored metric; null if there is none. */
  readonly best: CheckRecord | null;
  /** Number of the epoch of the best check; null if there is none. */
  readonly bestEpoch: number | null;
  /** Why training ended: all epochs are done, patience ran out, or a callback returned false. */
  readonly stopped: "epochs" | "patience" | "callback";
  /** Number of steps of this `fit` that the model has behind it: up to the best check, if that is kept. */
  readonly steps: number;
  /** Number of groups without two different labels, or of events for which no negative item exists. */
  readonly skipped: number;
  /** The training on all rows that followed, with the option `refit`; null without it. */
  readonly refit: RefitHistory | null;
}

/** The history of the training on all rows, after the number of steps has been found. */
export interface RefitHistory {
  /** One record per epoch. The last epoch is shorter than the others, unless the steps end with it. */
  readonly epochs: readonly EpochRecord[];
  /** Number of steps. It is less than planned only if a callback returned false. */
  readonly steps: number;
}

/** What is trained, and on what. */
export interface Course {
  /** Name of the method that errors start with, such as "fit". */
  readonly caller: string;
  /** The model, with memory reserved for the batches. */
  readonly trainer: Trainer;
  /** The examples to train on. */
  readonly dataset: Dataset | StreamedDataset;
  /** Seed of the order of the examples, an integer from 0 to 2^53 - 1. */
  readonly seed: number;
  /** The checked options of `fit`. */
  readonly settings: FitSettings;
  /** Says when to give way to the event loop. */
  readonly pacer: Pacer;
  /** Where to go on, and who keeps the state after each epoch. Default: nobody. */
  readonly resumption?: Resumption | null;
}

const REMEDY =
  "a lower learningRate, smaller feature values or batchNorm usually helps. " +
  "The model is as after the last good epoch";

/**
 * Trains for the given number of epochs, or until patience runs out.
 *
 * @param course What is trained, and on what.
 * @param validation How to measure the model; null: not at all.
 * @returns The history of the training.
 * @throws Error when the loss or a parameter is no longer finite. Whatever a callback or the abort signal
 *   throws is passed on. In every case the trainer is as after its last complete epoch.
 */
export async function runEpochs(course: Course, validation: ValidationPlan | null): Promise<History> {
  const { trainer, dataset, settings, pacer, resumption } = course;
  const { record } = trainer;
  const from = resumption?.from ?? null;
  const checks = validation && new Checks(validation, settings.patience, from?.checks);
  const bytes = trainer.tensors.reduce((sum, { data }) => sum + data.byteLength, 0);
  const checkpoints = new Checkpoints(bytes >= LARGE_MODEL);
  const progress = settings.progress ? new Progress(settings, dataset.size, false) : null;
  const run = new Run(course, progress, checks, checkpoints);
  const records: EpochRecord[] = [];
  let stopped: History["stopped"] = "epochs";
  if (from !== null) {
    records.push(...from.epochs);
    checkpoints.best = from.best;
    run.goOn(from);
    if (checks?.shouldStop) stopped = "patience";
  }
  const epochsBefore = record.epochs;
  if (settings.resume || from !== null) await runWhole(checkpoints.captureStart(trainer), pacer);
  try {
    // If no later check is better, training ends with the start, which is nearly the constant prediction.
    if (settings.checksStart && from === null) await run.checkWithin(record.epochs);
    while (records.length < settings.epochs && stopped === "epochs") {
      const start = performance.now();
      const epoch = record.epochs + 1;
      const firstCheck = checks?.records.length ?? 0;
      const loss = await run.epoch(epoch, Infinity);
      await run.requireFinite(epoch);
      const stopsWithin = checks?.shouldStop === true;
      const last = stopsWithin ? null : await run.check(epoch);
      record.epochs++;
      await runWhole(checkpoints.capture(trainer, settings.restoreBest && last?.best === true), pacer);
      const seconds = (performance.now() - start) / 1000;
      const news = checks?.records.slice(firstCheck) ?? [];
      const finished = { epoch, loss, validation: news.at(-1)?.validation ?? null, seconds };
      records.push(finished);
      progress?.epoch(finished);
      const best = news.some((check) => check.best);
      const event: EpochEvent = { ...finished, epochs: settings.epochs, checks: news, best, refit: false };
      if ((await settings.onEpoch?.(event)) === false) stopped = "callback";
      else if (checks?.shouldStop) stopped = "patience";
      const { steps, examples } = run;
      await resumption?.save({
        ...{ epochs: records, checks: checks?.records ?? [], steps, examples },
        best: checkpoints.best,
      });
      if (stopped === "epochs") settings.signal?.throwIfAborted();
    }
  } catch (error) {
    // Without a copy the model is given up, as after a failure in its first epoch.
    if (!checkpoints.restoreLast(trainer)) record.epochs = epochsBefore;
    throw error;
  }
  checkpoints.restoreBest(trainer);
  const best = checks?.best ?? null;
  return {
    epochs: records,
    checks: checks?.records ?? [],
    best,
    bestEpoch: best?.epoch ?? null,
    stopped,
    steps: best !== null && settings.restoreBest ? best.step : run.steps,
    skipped: dataset.skipped,
    refit: null,
  };
}

/**
 * Trains for the given number of steps, without validation. If it throws, the trainer is in no good state.
 *
 * @param course What is trained, and on what.
 * @param steps Number of steps, at least 1.
 * @returns The history of the training.
 * @throws As `runEpochs`.
 */
export async function runSteps(course: Course, steps: number): Promise<RefitHistory> {
  const { trainer, dataset, settings } = course;
  const { record } = trainer;
  const batches = Math.ceil(dataset.size / settings.batchSize);
  const epochs = Math.ceil(steps / batches);
  const progress = settings.progress
    ? new Progress({ epochs, patience: Infinity }, dataset.size, true)
    : null;
  const run = new Run(course, progress, null, null);
  const records: EpochRecord[] = [];
  while (run.steps < steps) {
    const start = performance.now();
    const epoch = record.epochs + 1;
    const loss = await run.epoch(epoch, steps - run.steps);
    await run.requireFinite(epoch);
    record.epochs++;
    const finished = { epoch, loss, validation: null, seconds: (performance.now() - start) / 1000 };
    records.push(finished);
    progress?.epoch(finished);
    const event: EpochEvent = { ...finished, epochs, checks: [], best: false, refit: true };
    if ((await settings.onEpoch?.(event)) === false) break;
    settings.signal?.throwIfAborted();
  }
  return { epochs: records, steps: run.steps };
}

/** A weighted mean of losses. */
class MeanLoss {
  #total = 0;
  #weight = 0;

  add(loss: number, weight: number): void {
    this.#total += loss * weight;
    this.#weight += weight;
  }

  get value(): number {
    return this.#weight === 0 ? 0 : this.#total / this.#weight;
  }
}

/** One course of training: it counts steps, and measures within epochs if the options say so. */
class Run {
  /** Number of steps so far. */
  steps = 0;
  /** Number of examples so far. */
  examples = 0;
  readonly #course: Course;
  readonly #progress: Progress | null;
  readonly #checks: Checks | null;
  readonly #checkpoints: Checkpoints | null;
  #sinceCheck = new MeanLoss();

  constructor(
    course: Course,
    progress: Progress | null,
    checks: Checks | null,
    checkpoints: Checkpoints | null,
  ) {
    this.#course = course;
    this.#progress = progress;
    this.#checks = checks;
    this.#checkpoints = checkpoints;
  }

  /** Counts on from where an earlier process stopped. */
  goOn({ steps, examples }: { steps: number; examples: number }): void {
    this.steps = steps;
    this.examples = examples;
  }

  /**
   * Trains on every example once, or on fewer if the steps run out or a check ends the training. Returns the
   * mean loss, each batch measured before its step.
   */
  async epoch(epoch: number, maxSteps: number): Promise<number> {
    const { caller, trainer, dataset, seed, settings, pacer } = this.#course;
    const { batchSize, shuffle, signal, onBatch } = settings;
    const batches = Math.ceil(dataset.size / batchSize);
    const checks = this.#checks === null ? 0 : settings.checksPerEpoch(dataset.size);
    const mean = new MeanLoss();
    const parts = "open" in dataset ? dataset.open(batchSize, pacer) : [dataset];
    let [batch, part] = [0, 0];
    for await (const examples of parts) {
      const { size } = examples;
      const order = shuffle ? randomPermutation(randomKey(seed, Stream.shuffle, epoch, part++), size) : null;
      for (let start = 0; start < size && batch < maxSteps; start += batchSize) {
        batch++;
        const end = Math.min(start + batchSize, size);
        const loss = trainer.step(examples, order, start, end);
        if (!Number.isFinite(loss)) {
          throw new Error(
            `${caller}: the loss became ${loss} in epoch ${epoch}, batch ${batch} of ${batches}; ${REMEDY}`,
          );
        }
        const weight = examples.weight({ epoch, order, start, end });
        mean.add(loss, weight);
        this.#sinceCheck.add(loss, weight);
        this.steps++;
        this.examples += end - start;
        // Checks lie at equal distances. The check at the end of the epoch is not made here.
        const isCheck = Math.floor((batch * checks) / batches) > Math.floor(((batch - 1) * checks) / batches);
        const check = isCheck && batch < batches ? await this.checkWithin(epoch) : null;
        onBatch?.({ epoch, batch, batches, loss, check });
        this.#progress?.batch((batch - 1) * batchSize + end - start, mean.value);
        signal?.throwIfAborted();
        if (check !== null && this.#checks!.shouldStop) return mean.value;
        if (pacer.due) await pacer.rest();
      }
      if (batch >= maxSteps) break;
    }
    return mean.value;
  }

  /** Measures the model. Returns null without validation. */
  async check(epoch: number): Promise<CheckRecord | null> {
    if (this.#checks === null) return null;
    const { trainer, pacer } = this.#course;
    const at = {
      epoch,
      step: this.steps,
      rows: this.examples,
      loss: this.examples === 0 ? NaN : this.#sinceCheck.value,
    };
    this.#sinceCheck = new MeanLoss();
    const check = await this.#checks.run(trainer.predictor, at, pacer);
    this.#progress?.check(check.validation);
    return check;
  }

  /**
   * Measures the model within an epoch or before the first one, and copies it if it is the best so far.
   * Whether its numbers are finite is seen at the end of the epoch: a number that is not finite stays so.
   */
  async checkWithin(epoch: number): Promise<CheckRecord | null> {
    const { trainer, settings, pacer } = this.#course;
    const check = await this.check(epoch);
    if (check?.best && settings.restoreBest)
      await runWhole(this.#checkpoints!.captureBest(trainer, epoch), pacer);
    return check;
  }

  /** Throws if a number of the model is not finite. */
  async requireFinite(epoch: number): Promise<void> {
    const { caller, trainer, pacer } = this.#course;
    if (await runPaced(trainer.isFinite(), pacer)) return;
    throw new Error(`${caller}: parameters became infinite in epoch ${epoch}; ${REMEDY}`);
  }
}
