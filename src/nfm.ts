// Neural Factorization Machine (He & Chua, SIGIR 2017): score(x) = w0 + sum_i w_i x_i + h . layers(BI(Vx)).
// The class tells the whole story and leaves every detail to others: options.ts reads the options, data/ turns what
// users pass into sparse rows, network.ts computes scores and gradients, training/ moves the parameters.

import { Pacer, runAtOnce, runPaced } from "./core/cooperate.ts";
import { checkBoolean, checkKeys, wrongValue } from "./core/errors.ts";
import type { SparseVector } from "./core/sparse-row.ts";
import { CSRBuilder } from "./core/sparse.ts";
import { toPacked } from "./core/tensor.ts";
import { maxEntries } from "./data/batches.ts";
import type { FeatureEncoder } from "./data/feature-encoder.ts";
import type { FeatureMap, FeatureRow } from "./data/feature-map.ts";
import { checkInput, countRows, isInput, readInput, readRow, type Input, type Reader } from "./data/input.ts";
import { chooseBackend } from "./kernels/backend.ts";
import { PREDICTION_CAPACITY, readModel, writeModel } from "./model-file.ts";
import { Network, type Capacity } from "./network.ts";
import { readOptions, type LoadOverrides, type NFMOptions, type Settings } from "./options.ts";
import {
  exampleCount, labelledExamples, makeReader, pairedExamples, planMetrics, readExamples, readTargets, splitExamples,
  validationExamples, widenRange, widthOf, type Examples,
} from "./training/examples.ts";
import { checkMetricNames, readFitOptions, type FitOptions, type FitSettings } from "./training/fit-options.ts";
import { measureAll, runEpochs, type History } from "./training/fit.ts";
import { chooseMetrics, type Metric } from "./training/metrics.ts";
import { countExamples, matricesOf, Trainer, type TrainingData } from "./training/trainer.ts";

/** What exists once the number of features is known. */
interface Model {
  readonly trainer: Trainer;
  readonly encoder: FeatureEncoder | null;
}

/**
 * A Neural Factorization Machine.
 *
 * @example
 * const model = new NFM({ embeddingDim: 16, loss: "log" });
 * await model.fit([{ user: "ana", item: "milk" }, { user: "bo", item: "tea" }], [1, 0], { epochs: 5 });
 * model.predict({ user: "ana", item: "tea" }); // a probability
 */
export class NFM {
  #settings: Settings;
  #model: Model | null = null;
  #history: History | null = null;
  #fitting = false;
  readonly #row = new CSRBuilder();

  /** @throws TypeError or RangeError that names the option. */
  constructor(options: NFMOptions = {}) {
    this.#settings = readOptions(options, "NFM");
    chooseBackend(this.#settings.backend); // refuses a backend that cannot run here
  }

  /**
   * Trains on labelled rows from a fresh start (or goes on, with `resume`), giving way to the event loop. With feature
   * maps the vocabulary is learned here, from the training rows alone.
   *
   * @param x Rows; (rows).
   * @param y Labels, finite; what the loss accepts; (rows).
   * @param options See `FitOptions`.
   * @returns The course of the training.
   * @throws TypeError, RangeError or Error naming the place; the model is then as it was, or as after the last good epoch.
   */
  async fit<T extends FeatureRow<T>>(x: Input | readonly T[], y: ArrayLike<number>, options: FitOptions = {}): Promise<History> {
    this.#requireLoss("fit", "pointwise");
    const settings = readFitOptions("fit", options);
    return this.#fit("fit", labelledExamples("fit: ", this.#settings.loss, x, y, options.sampleWeight), settings);
  }

  /**
   * Trains a pairwise loss on pairs: row i of `positives` should score above row i of `negatives`.
   *
   * @param positives Rows; (pairs).
   * @param negatives Rows; (pairs).
   */
  async fitPairs<T extends FeatureRow<T>>(positives: Input | readonly T[], negatives: Input | readonly T[], options: FitOptions = {}): Promise<History> {
    this.#requireLoss("fitPairs", "pairwise");
    const settings = readFitOptions("fitPairs", options);
    return this.#fit("fitPairs", pairedExamples("fitPairs: ", positives, negatives), settings);
  }

  /**
   * Takes exactly one optimizer step on exactly these rows. The first call decides the vocabulary and the number of
   * features, unless the constructor was given an encoder or `numFeatures`.
   *
   * @returns The mean loss before the step.
   * @throws TypeError, RangeError or Error; nothing has changed then.
   */
  partialFit<T extends FeatureRow<T>>(x: Input | readonly T[], y: ArrayLike<number>, options: { sampleWeight?: ArrayLike<number> } = {}): number {
    this.#requireLoss("partialFit", "pointwise");
    checkKeys("partialFit", options, ["sampleWeight"]);
    return this.#partialFit("partialFit", labelledExamples("partialFit: ", this.#settings.loss, x, y, options.sampleWeight));
  }

  /** `partialFit` for a pairwise loss. */
  partialFitPairs<T extends FeatureRow<T>>(positives: Input | readonly T[], negatives: Input | readonly T[]): number {
    this.#requireLoss("partialFitPairs", "pairwise");
    return this.#partialFit("partialFitPairs", pairedExamples("partialFitPairs: ", positives, negatives));
  }

  /**
   * Scores one row or many.
   *
   * @param x A feature map or sparse vector, or rows of them. Features never seen in training contribute nothing.
   * @param options.raw The score itself instead of the loss's prediction (a probability for the log loss). Default: false.
   * @returns A number for one row, a Float32Array (rows) for rows.
   */
  predict<T extends FeatureRow<T>>(x: Input | readonly T[], options?: { raw?: boolean }): Float32Array;
  predict<T extends object & FeatureRow<T>>(x: FeatureMap | SparseVector | T, options?: { raw?: boolean }): number;
  predict(x: FeatureMap | SparseVector | Input, options: { raw?: boolean } = {}): number | Float32Array {
    checkKeys("predict", options, ["raw"]);
    if (options.raw !== undefined) checkBoolean("predict: raw", options.raw);
    const model = this.#ready("predict");
    const { loss } = this.#settings;
    const link = options.raw || loss.kind === "pairwise" || !loss.link ? null : loss.link.bind(loss);
    if (!isInput(x)) {
      const score = this.#scoreOne(model, x, "predict: x");
      return link ? Math.fround(link(score)) : score;
    }
    const scores = this.#scoreAll(model, checkInput(x, "predict: x"), "predict: x");
    return link ? scores.map(link) : scores;
  }

  /**
   * Measures predictions against labels.
   *
   * @param metrics Which. Default: those of the loss that y can give.
   * @returns The value of each metric by name.
   */
  evaluate<T extends FeatureRow<T>>(x: Input | readonly T[], y: ArrayLike<number>, metrics?: readonly Metric[]): Record<string, number> {
    const model = this.#ready("evaluate");
    if (metrics !== undefined) checkMetricNames("evaluate", metrics);
    const { loss, labelRange } = model.trainer;
    const input = checkInput(x, "evaluate: x");
    const targets = readTargets("evaluate: y", loss, y, countRows(input));
    const measured = chooseMetrics(metrics, { targets, loss, labelRange }, "evaluate: ");
    return measureAll(measured, { scores: this.#scoreAll(model, input, "evaluate: x"), targets, loss, labelRange });
  }

  /**
   * The model as a safetensors file.
   *
   * @param options.optimizer Include the optimizer's state, to go on training exactly. Default: false.
   */
  save(options: { optimizer?: boolean } = {}): Uint8Array {
    checkKeys("save", options, ["optimizer"]);
    if (options.optimizer !== undefined) checkBoolean("save: optimizer", options.optimizer);
    const { trainer, encoder } = this.#ready("save");
    return writeModel(this.#settings, trainer, encoder, options.optimizer ?? false);
  }

  /**
   * Reads a model file, written by `save` or by PyTorch.
   *
   * @param overrides Another optimizer, backend or loss than the saved ones, or what a file cannot hold.
   * @throws Error, TypeError or RangeError that says what is wrong with the file.
   */
  static load(bytes: Uint8Array, overrides: LoadOverrides = {}): NFM {
    checkKeys("load", overrides, ["optimizer", "backend", "loss", "layers"]);
    const { settings, trainer, encoder } = readModel(bytes, overrides);
    const model = new this();
    model.#settings = settings;
    model.#model = { trainer, encoder };
    return model;
  }

  /** Which kernels run. */
  get backend(): "wasm" | "js" {
    return this.#model?.trainer.network.kernels.name ?? chooseBackend(this.#settings.backend).name;
  }

  /** Number of features; 0 while it is not known. */
  get numFeatures(): number {
    return this.#model?.trainer.network.spec.numFeatures ?? this.#settings.numFeatures ?? 0;
  }

  /** Number of trainable numbers; 0 while the number of features is not known. */
  get numParameters(): number {
    const sizes = this.#started()?.trainer.network.parameters.map(({ value, trainable }) => (trainable ? value.rows * value.cols : 0));
    return sizes?.reduce((sum, size) => sum + size, 0) ?? 0;
  }

  /** The encoder in use, which cannot be fitted again; null for a model of sparse rows. */
  get encoder(): FeatureEncoder | null {
    return (this.#model ?? this.#settings).encoder;
  }

  /** The course of the last `fit` that ended well; null before. */
  get history(): History | null {
    return this.#history;
  }

  /** A copy of a tensor by its name in the model file, such as "embedding.weight", in PyTorch's shape. */
  tensor(name: string): { shape: readonly number[]; data: Float32Array } {
    const { parameters } = this.#ready("tensor").trainer.network;
    const found = parameters.find((parameter) => parameter.name === name);
    if (!found) throw wrongValue("tensor: name", `one of ${parameters.map((parameter) => parameter.name).join(", ")}`, name);
    return { shape: found.shape, data: toPacked(found.value, found.transposed) };
  }

  async #fit(caller: "fit" | "fitPairs", examples: Examples, settings: FitSettings): Promise<History> {
    this.#begin(caller, examples);
    settings.signal?.throwIfAborted();
    const { batchSize, resume, validation } = settings;
    const { seed, loss, encoder: givenEncoder, numFeatures: givenFeatures } = this.#settings;
    const place = `${caller}: `;
    const previous = resume ? this.#ready(caller) : this.#model;
    const knownRange = resume ? previous!.trainer.labelRange : null;
    let [kept, heldOut]: [Examples, Examples | null] = [examples, null];
    if (typeof validation === "number") {
      planMetrics(place, examples, settings, loss, widenRange(knownRange, examples)); // refuses while positions are the user's
      [kept, heldOut] = splitExamples(place, examples, validation, seed);
    } else if (validation !== undefined) {
      heldOut = validationExamples(place, loss, validation);
    }
    const labelRange = widenRange(knownRange, kept);
    const measured = heldOut && planMetrics(`${place}validation.`, heldOut, settings, loss, labelRange);
    this.#fitting = true;
    try {
      const pacer = new Pacer(settings.signal);
      await pacer.rest(); // reading many labels has used up a slice already
      const reader = resume ? readerOf(previous!) : await runPaced(makeReader(place, kept, givenEncoder, givenFeatures), pacer);
      const data = await runPaced(readExamples(place, kept, reader), pacer);
      const numFeatures = reader.numFeatures ?? widthOf(data);
      const plan = heldOut && { data: await runPaced(readExamples(`${place}validation.`, heldOut, { ...reader, numFeatures }), pacer), ...measured! };
      const capacity = this.#capacityFor(data, batchSize);
      const model = resume ? previous! : { trainer: this.#newTrainer(numFeatures, capacity, caller), encoder: reader.encoder };
      const { trainer } = model;
      if (!resume) await runPaced(trainer.network.initialise(), pacer);
      trainer.reserve(capacity.rows, capacity.entries, true);
      const doneBefore = trainer.epochs;
      trainer.labelRange = labelRange;
      this.#model = model;
      try {
        return (this.#history = await runEpochs(caller, trainer, data, plan, settings, pacer));
      } catch (error) {
        if (trainer.epochs === doneBefore) {
          trainer.labelRange = knownRange;
          this.#model = previous;
        }
        throw error;
      }
    } finally {
      this.#fitting = false;
    }
  }

  #partialFit(caller: string, examples: Examples): number {
    this.#begin(caller, examples);
    const { encoder, numFeatures: givenFeatures } = this.#settings;
    const started = this.#started();
    const reader = started ? readerOf(started) : runAtOnce(makeReader(`${caller}: `, examples, encoder, givenFeatures));
    const data = runAtOnce(readExamples(`${caller}: `, examples, reader));
    const count = countExamples(data);
    const capacity = this.#capacityFor(data, count);
    const model = started ?? this.#initialised({ trainer: this.#newTrainer(reader.numFeatures ?? widthOf(data), capacity, caller), encoder: reader.encoder });
    model.trainer.reserve(capacity.rows, capacity.entries, true);
    const loss = model.trainer.safeStep(data);
    if (!Number.isFinite(loss)) {
      throw new Error(`${caller}: the loss of these rows is ${loss}, or would be after this step; nothing has changed. Check the scale of their values, or lower learningRate`);
    }
    model.trainer.labelRange = widenRange(model.trainer.labelRange, data);
    this.#model = model;
    return loss;
  }

  /** Room for any batch of these data. */
  #capacityFor(data: TrainingData, batchSize: number): Capacity {
    const examples = Math.min(batchSize, countExamples(data));
    const matrices = matricesOf(data);
    return { rows: examples * matrices.length, entries: maxEntries(matrices, examples), training: this.#training };
  }

  get #training(): Capacity["training"] {
    return { initialState: this.#settings.optimizer.initialState };
  }

  #newTrainer(numFeatures: number, capacity: Capacity, caller: string): Trainer {
    const { embeddingDim, layers, initStd, seed, loss, optimizer, l2, backend } = this.#settings;
    if (numFeatures === 0) throw new RangeError(`${caller}: x must have at least one feature, got only empty rows`);
    const network = new Network({ numFeatures, embeddingDim, layers, initStd, seed }, capacity, chooseBackend(backend));
    return new Trainer(network, loss, optimizer, l2);
  }

  #initialised(model: Model): Model {
    runAtOnce(model.trainer.network.initialise());
    return model;
  }

  /** The model, made on first use if the number of features is known from the options. */
  #started(): Model | null {
    const { encoder, numFeatures } = this.#settings;
    const known = numFeatures ?? (encoder?.fitted ? encoder.numFeatures : null);
    if (this.#model === null && known !== null && (encoder === null || encoder.fitted)) {
      this.#model = this.#initialised({ trainer: this.#newTrainer(known, PREDICTION_CAPACITY, "NFM"), encoder: encoder && encoder.frozen() });
    }
    return this.#model;
  }

  #ready(caller: string): Model {
    const model = this.#started();
    if (!model) throw new Error(`${caller}: the model has no parameters yet; fit it, load one, or construct it with numFeatures`);
    return model;
  }

  #begin(caller: string, examples: Examples): void {
    if (this.#fitting) throw new Error(`${caller}: this model is being fitted; await that first`);
    if (exampleCount(examples) === 0) throw new RangeError(`${caller}: needs at least one row, got 0`);
  }

  #requireLoss(caller: string, kind: "pointwise" | "pairwise"): void {
    const { loss } = this.#settings;
    if (loss.kind === kind) return;
    const other = kind === "pointwise" ? `${caller}Pairs` : caller.replace("Pairs", "");
    throw new Error(`${caller}: the ${loss.name} loss is ${loss.kind}; use ${other}, or another loss`);
  }

  #scoreAll({ trainer, encoder }: Model, x: Input, place: string): Float32Array {
    const matrix = runAtOnce(readInput(x, { encoder, numFeatures: trainer.network.spec.numFeatures }, place));
    return runAtOnce(trainer.score(matrix, new Float32Array(matrix.rows)));
  }

  #scoreOne({ trainer, encoder }: Model, x: FeatureMap | SparseVector, place: string): number {
    this.#row.clear();
    readRow(this.#row, x, { encoder, numFeatures: trainer.network.spec.numFeatures }, place);
    const row = this.#row.view;
    trainer.reserve(1, row.indptr[1], false);
    const { network } = trainer;
    network.batch.clear();
    network.batch.append(row, null, 0, 1);
    network.forward(false);
    return network.scores.data[0];
  }
}

function readerOf({ trainer, encoder }: Model): Reader {
  return { encoder, numFeatures: trainer.network.spec.numFeatures };
}
