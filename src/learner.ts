// What an NFM is underneath: options, and once the number of features is known, a trainer and an encoder. Everything
// that changes a model goes through here, and happens wholly or not at all.

import { Pacer, runAtOnce, runPaced } from "./core/cooperate.ts";
import { CSRMatrix } from "./core/sparse.ts";
import { fromPacked, toPacked } from "./core/tensor.ts";
import { maxEntries } from "./data/batches.ts";
import type { FeatureEncoder } from "./data/feature-encoder.ts";
import type { Reader } from "./data/input.ts";
import { chooseBackend } from "./kernels/backend.ts";
import type { Capacity } from "./layout.ts";
import { PREDICTION_CAPACITY } from "./model-file.ts";
import { Network } from "./network.ts";
import type { Settings } from "./options.ts";
import { exampleCount, makeReader, readExamples, widenRange, widthOf, type Drawing, type Examples } from "./training/examples.ts";
import type { FitSettings } from "./training/fit-options.ts";
import { runEpochs, type History } from "./training/fit.ts";
import { countExamples, partsOf, Trainer, type TrainingData } from "./training/trainer.ts";
import { holdOut, type HeldOut } from "./training/validation.ts";

/** What exists once the number of features is known. */
export interface Model {
  readonly trainer: Trainer;
  readonly encoder: FeatureEncoder | null;
}

/** The tensors that `initFrom` copies. */
const PRETRAINED = ["bias", "linear.weight", "embedding.weight"];

/** A model with everything that trains it. */
export class Learner {
  settings: Settings;
  /** The settings before `initFrom`. */
  readonly #given: Settings;
  model: Model | null;
  /** The course of the last fit that ended well. */
  history: History | null = null;
  #fitting = false;
  /** Whether the parameters are anything but initial values. */
  #trained: boolean;
  /** Initial values of tensors by name, in place of random ones. */
  #pretrained: ReadonlyMap<string, Float32Array> = new Map();

  /** @param model One that has been loaded; null: a fresh start. */
  constructor(settings: Settings, model: Model | null = null) {
    this.settings = settings;
    this.#given = settings;
    this.model = model;
    this.#trained = model !== null;
  }

  /** The model, made on first use if the number of features is known from the options. */
  started(): Model | null {
    const { encoder, numFeatures } = this.settings;
    const known = numFeatures ?? (encoder?.fitted ? encoder.numFeatures : null);
    if (this.model === null && known !== null && (encoder === null || encoder.fitted)) {
      this.model = { trainer: this.#initialised(this.#newTrainer(known, PREDICTION_CAPACITY, "NFM")), encoder: encoder && encoder.frozen() };
    }
    return this.model;
  }

  /** The model. @throws Error if there is none yet. */
  ready(caller: string): Model {
    const model = this.started();
    if (!model) throw new Error(`${caller}: the model has no parameters yet; fit it, load one, or construct it with numFeatures`);
    return model;
  }

  /**
   * Trains on examples that have been checked.
   *
   * @param heldOut How to validate, if `settings.validation` does not say it.
   */
  async fit(caller: string, examples: Examples, settings: FitSettings, heldOut: HeldOut | null = null): Promise<History> {
    this.#begin(caller, examples);
    settings.signal?.throwIfAborted();
    const place = `${caller}: `;
    const { encoder: givenEncoder, numFeatures: givenFeatures } = this.settings;
    const drawing = this.#drawing(settings.pairsPerRow);
    const { resume } = settings;
    const previous = resume ? this.ready(caller) : this.model;
    const knownRange = resume ? previous!.trainer.labelRange : null;
    const split = examples.kind === "events" ? { kept: examples, heldOut } : holdOut(place, examples, settings, drawing, knownRange);
    const labelRange = widenRange(knownRange, split.kept);
    this.#fitting = true;
    try {
      const pacer = new Pacer(settings.signal);
      await pacer.rest(); // reading many labels has used up a slice already
      const reader = resume ? readerOf(previous!) : await runPaced(makeReader(place, split.kept, givenEncoder, givenFeatures), pacer);
      const data = await runPaced(readExamples(place, split.kept, reader, drawing), pacer);
      const numFeatures = reader.numFeatures ?? widthOf(data);
      const validation = split.heldOut && { monitor: split.heldOut.monitor, measure: await runPaced(split.heldOut.read({ ...reader, numFeatures }), pacer) };
      const capacity = this.#capacityFor(data, settings.batchSize);
      const model = resume ? previous! : { trainer: this.#newTrainer(numFeatures, capacity, caller), encoder: reader.encoder };
      const { trainer } = model;
      if (!resume) await runPaced(this.#initialise(trainer), pacer);
      trainer.reserve(capacity.rows, capacity.entries, true);
      const doneBefore = trainer.epochs;
      trainer.labelRange = labelRange;
      this.model = model;
      try {
        return (this.history = await runEpochs(caller, trainer, data, validation, settings, pacer));
      } catch (error) {
        if (trainer.epochs === doneBefore) {
          trainer.labelRange = knownRange;
          this.model = previous;
        }
        throw error;
      } finally {
        if (trainer.epochs > doneBefore) this.#trained = true;
      }
    } finally {
      this.#fitting = false;
    }
  }

  /** Takes one step on all examples; returns the mean loss before it. */
  partialFit(caller: string, examples: Examples): number {
    this.#begin(caller, examples);
    const { encoder, numFeatures: givenFeatures } = this.settings;
    const started = this.started();
    const reader = started ? readerOf(started) : runAtOnce(makeReader(`${caller}: `, examples, encoder, givenFeatures));
    const data = runAtOnce(readExamples(`${caller}: `, examples, reader, this.#drawing(1)));
    const capacity = this.#capacityFor(data, countExamples(data));
    const model = started ?? { trainer: this.#initialised(this.#newTrainer(reader.numFeatures ?? widthOf(data), capacity, caller)), encoder: reader.encoder };
    model.trainer.reserve(capacity.rows, capacity.entries, true);
    const loss = model.trainer.safeStep(data);
    if (!Number.isFinite(loss)) {
      throw new Error(`${caller}: the loss of these rows is ${loss}, or would be after this step; nothing has changed. Check the scale of their values, or lower learningRate`);
    }
    model.trainer.labelRange = widenRange(model.trainer.labelRange, examples);
    this.model = model;
    this.#trained = true;
    return loss;
  }

  /** Makes V, w and w0 of another model the initial values of this one, together with its vocabulary. */
  initFrom(source: Learner): void {
    const { trainer, encoder } = source.ready("initFrom: fm");
    if (!source.#trained) throw new Error("initFrom: fm has not been trained; its values are random");
    const { spec, parameters } = trainer.network;
    const { embeddingDim, encoder: ownEncoder, numFeatures } = this.#given;
    if (this.#fitting) throw new Error("initFrom: this model is being fitted; await that first");
    if (this.#trained) throw new Error("initFrom: this model has been trained already, and that would be lost; make a new one");
    if (spec.embeddingDim !== embeddingDim) throw new RangeError(`initFrom: fm must have this model's embeddingDim (${embeddingDim}), got ${spec.embeddingDim}`);
    if (numFeatures !== null && numFeatures !== spec.numFeatures) throw new RangeError(`initFrom: fm must have this model's numFeatures (${numFeatures}), got ${spec.numFeatures}`);
    if (ownEncoder !== null && JSON.stringify(ownEncoder) !== JSON.stringify(encoder)) throw new Error("initFrom: this model has an encoder of its own, which differs from that of fm; leave it out, and fm's is taken");
    const tensors = parameters.filter(({ name }) => PRETRAINED.includes(name));
    this.#pretrained = new Map(tensors.map(({ name, value }) => [name, toPacked(value)]));
    this.settings = { ...this.#given, encoder, numFeatures: spec.numFeatures };
    this.model = null;
  }

  #begin(caller: string, examples: Examples): void {
    if (this.#fitting) throw new Error(`${caller}: this model is being fitted; await that first`);
    if (exampleCount(examples) === 0) throw new RangeError(`${caller}: needs at least one row, got 0`);
  }

  #drawing(pairsPerRow: number): Drawing {
    return { loss: this.settings.loss, seed: this.settings.seed, pairsPerRow };
  }

  /** Room for any batch of these data (of drawn rows, for all but the rarest: the trainer makes more when it must). */
  #capacityFor(data: TrainingData, batchSize: number): Capacity {
    const examples = Math.min(batchSize, countExamples(data));
    const parts = partsOf(data);
    const entries = parts.reduce((sum, part) => sum + (part instanceof CSRMatrix ? maxEntries(part, examples) : part.usualEntries(examples)), 0);
    return { rows: examples * parts.length, entries, training: { initialState: this.settings.optimizer.initialState } };
  }

  #newTrainer(numFeatures: number, capacity: Capacity, caller: string): Trainer {
    const { embeddingDim, layers, initStd, seed, loss, optimizer, l2, backend } = this.settings;
    if (numFeatures === 0) throw new RangeError(`${caller}: x must have at least one feature, got only empty rows`);
    const network = new Network({ numFeatures, embeddingDim, layers, initStd, seed }, capacity, chooseBackend(backend));
    return new Trainer(network, loss, optimizer, l2);
  }

  *#initialise({ network }: Trainer): Generator<void, void> {
    yield* network.initialise();
    for (const { name, value } of network.parameters) {
      const given = this.#pretrained.get(name);
      if (given) fromPacked(value, given);
    }
  }

  #initialised(trainer: Trainer): Trainer {
    runAtOnce(this.#initialise(trainer));
    return trainer;
  }
}

/** How the model reads rows. */
export function readerOf({ trainer, encoder }: Model): Reader {
  return { encoder, numFeatures: trainer.network.spec.numFeatures };
}
