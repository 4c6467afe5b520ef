// Neural Factorization Machine (He & Chua, SIGIR 2017): score(x) = w0 + sum_i w_i x_i + h . layers(BI(Vx)).
// The class tells the whole story and leaves every detail to others: options.ts reads the options, data/ turns what
// users pass into sparse rows, network.ts computes scores and gradients, training/ moves the parameters.

import { Pacer, runAtOnce, runPaced } from "./core/cooperate.ts";
import { checkKeys, wrongType, wrongValue } from "./core/errors.ts";
import { randomKey, randomPermutation, Stream } from "./core/random.ts";
import { CSRBuilder, type CSRMatrix, type SparseVector } from "./core/sparse.ts";
import { toPacked } from "./core/tensor.ts";
import { maxEntries } from "./data/batches.ts";
import { FeatureEncoder } from "./data/feature-encoder.ts";
import type { FeatureMap } from "./data/feature-map.ts";
import { countRows, isInput, learnEncoder, needsEncoder, readInput, readLabels, readRow, readWeights, type Input, type Reader } from "./data/input.ts";
import { chooseKernels } from "./kernels/backend.ts";
import { PREDICTION_CAPACITY, readModel, writeModel } from "./model-file.ts";
import { Network, type Capacity } from "./network.ts";
import { readOptions, type LoadOverrides, type NFMOptions, type Settings } from "./options.ts";
import { checkMetrics, readFitOptions, type FitOptions } from "./training/fit-options.ts";
import { measureAll, runEpochs, type History, type ValidationPlan } from "./training/fit.ts";
import { checkMetric, defaultMetrics, type Metric } from "./training/metrics.ts";
import { countExamples, matricesOf, Trainer, type TrainingData } from "./training/trainer.ts";

/** What exists once the number of features is known. */
interface Model {
  readonly trainer: Trainer;
  readonly encoder: FeatureEncoder | null;
}

/** Training examples as the user passes them, under the names the errors use. */
type Examples =
  | { readonly kind: "pointwise"; readonly x: Input; readonly targets: Float32Array; readonly weights: Float32Array | null }
  | { readonly kind: "pairwise"; readonly positives: Input; readonly negatives: Input };

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
    chooseKernels(this.#settings.backend); // refuses a backend that cannot run here
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
  async fit(x: Input, y: ArrayLike<number>, options: FitOptions = {}): Promise<History> {
    this.#requireLoss("fit", "pointwise");
    const settings = readFitOptions("fit", options);
    const rows = countRows(x, "fit: x");
    const targets = this.#targets("fit: y", y, rows);
    const { sampleWeight } = settings;
    const weights = sampleWeight === undefined ? null : readWeights(sampleWeight, rows, "fit: sampleWeight");
    return this.#fit("fit", { kind: "pointwise", x, targets, weights }, rows, settings);
  }

  /**
   * Trains a pairwise loss on pairs: row i of `positives` should score above row i of `negatives`.
   *
   * @param positives Rows; (pairs).
   * @param negatives Rows; (pairs).
   */
  async fitPairs(positives: Input, negatives: Input, options: FitOptions = {}): Promise<History> {
    this.#requireLoss("fitPairs", "pairwise");
    const settings = readFitOptions("fitPairs", options);
    return this.#fit("fitPairs", { kind: "pairwise", positives, negatives }, this.#countPairs("fitPairs", positives, negatives), settings);
  }

  /**
   * Takes exactly one optimizer step on exactly these rows. The first call decides the vocabulary and the number of
   * features, unless the constructor was given an encoder or `numFeatures`.
   *
   * @returns The mean loss before the step.
   * @throws TypeError, RangeError or Error; nothing has changed then.
   */
  partialFit(x: Input, y: ArrayLike<number>, options: { sampleWeight?: ArrayLike<number> } = {}): number {
    this.#requireLoss("partialFit", "pointwise");
    checkKeys("partialFit", options, ["sampleWeight"]);
    const rows = countRows(x, "partialFit: x");
    const targets = this.#targets("partialFit: y", y, rows);
    const { sampleWeight } = options;
    const weights = sampleWeight === undefined ? null : readWeights(sampleWeight, rows, "partialFit: sampleWeight");
    return this.#partialFit("partialFit", { kind: "pointwise", x, targets, weights }, rows);
  }

  /** `partialFit` for a pairwise loss. */
  partialFitPairs(positives: Input, negatives: Input): number {
    this.#requireLoss("partialFitPairs", "pairwise");
    const pairs = this.#countPairs("partialFitPairs", positives, negatives);
    return this.#partialFit("partialFitPairs", { kind: "pairwise", positives, negatives }, pairs);
  }

  /**
   * Scores one row or many.
   *
   * @param x A feature map or sparse vector, or rows of them. Features never seen in training contribute nothing.
   * @param options.raw The score itself instead of the loss's prediction (a probability for the log loss). Default: false.
   * @returns A number for one row, a Float32Array (rows) for rows.
   */
  predict(x: FeatureMap | SparseVector, options?: { raw?: boolean }): number;
  predict(x: Input, options?: { raw?: boolean }): Float32Array;
  predict(x: FeatureMap | SparseVector | Input, options: { raw?: boolean } = {}): number | Float32Array {
    checkKeys("predict", options, ["raw"]);
    const model = this.#ready("predict");
    const { loss } = this.#settings;
    const link = options.raw || loss.kind === "pairwise" || !loss.link ? null : loss.link.bind(loss);
    if (!isInput(x)) {
      const score = this.#scoreOne(model, x, "predict: x");
      return link ? Math.fround(link(score)) : score;
    }
    const scores = this.#scoreAll(model, x, "predict: x");
    return link ? scores.map(link) : scores;
  }

  /**
   * Measures predictions against labels.
   *
   * @param metrics Which. Default: by the loss.
   * @returns The value of each metric by name.
   */
  evaluate(x: Input, y: ArrayLike<number>, metrics: readonly Metric[] = defaultMetrics(this.#settings.loss)): Record<string, number> {
    const model = this.#ready("evaluate");
    checkMetrics("evaluate", metrics);
    const { loss, labelRange } = model.trainer;
    const targets = this.#targets("evaluate: y", y, countRows(x, "evaluate: x"));
    for (const metric of metrics) checkMetric(metric, { targets, loss, labelRange }, "evaluate");
    return measureAll(metrics, { scores: this.#scoreAll(model, x, "evaluate: x"), targets, loss, labelRange });
  }

  /**
   * The model as a safetensors file.
   *
   * @param options.optimizer Include the optimizer's state, to go on training exactly. Default: false.
   */
  save(options: { optimizer?: boolean } = {}): Uint8Array {
    checkKeys("save", options, ["optimizer"]);
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
    const model = new NFM();
    model.#settings = settings;
    model.#model = { trainer, encoder };
    return model;
  }

  /** Which kernels run. */
  get backend(): "wasm" | "js" {
    return chooseKernels(this.#settings.backend).name;
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

  /** The encoder in use; null for a model of sparse rows. */
  get encoder(): FeatureEncoder | null {
    return (this.#model ?? this.#settings).encoder;
  }

  /** The course of the last `fit`; null before. */
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

  async #fit(caller: string, examples: Examples, count: number, options: ReturnType<typeof readFitOptions>): Promise<History> {
    this.#begin(caller, count);
    const previous = this.#model;
    this.#fitting = true;
    try {
      const pacer = new Pacer();
      const { batchSize, resume, validation } = options;
      const share = typeof validation === "number" ? validation : 0;
      const [kept, heldOut] = share > 0 ? this.#split(caller, examples, count, share) : [examples, null];
      const read = <T>(work: Generator<void, T>): Promise<T> => runPaced(work, pacer);
      const reader = resume ? readerOf(this.#ready(caller)) : await read(this.#makeReader(caller, kept));
      const data = await read(readExamples(caller, kept, reader));
      const encoder = reader.encoder;
      const numFeatures = reader.numFeatures ?? Math.max(...matricesOf(data).map((x) => x.cols));
      const labelRange = resume ? widen(previous!.trainer.labelRange, data) : widen(null, data);
      const plan = validation === undefined ? null : await read(this.#plan(caller, heldOut, options, { encoder, numFeatures }, labelRange));
      const batchRows = Math.min(batchSize, countExamples(data));
      const [rows, entries] = [batchRows * matricesOf(data).length, maxEntries(matricesOf(data), batchRows)];
      if (!resume) this.#model = { trainer: this.#newTrainer(numFeatures, { rows, entries, training: this.#training }, caller), encoder };
      const { trainer } = this.#model!;
      trainer.reserve(rows, entries, true);
      trainer.labelRange = labelRange;
      const done = trainer.epochs;
      try {
        this.#history = await runEpochs(caller, trainer, data, plan, options, pacer);
      } catch (error) {
        if (trainer.epochs === done) this.#model = previous;
        throw error;
      }
      return this.#history;
    } finally {
      this.#fitting = false;
    }
  }

  #partialFit(caller: string, examples: Examples, count: number): number {
    this.#begin(caller, count);
    const started = this.#started();
    const reader = started ? readerOf(started) : runAtOnce(this.#makeReader(caller, examples));
    const data = runAtOnce(readExamples(caller, examples, reader));
    const [rows, entries] = [matricesOf(data).length * count, maxEntries(matricesOf(data), count)];
    const numFeatures = reader.numFeatures ?? Math.max(...matricesOf(data).map((x) => x.cols));
    const capacity = { rows, entries, training: this.#training };
    const model = started ?? { trainer: this.#newTrainer(numFeatures, capacity, caller), encoder: reader.encoder };
    model.trainer.reserve(rows, entries, true);
    const loss = model.trainer.step(data, null, 0, count);
    if (!Number.isFinite(loss)) {
      throw new Error(`${caller}: the loss of these rows is ${loss}; nothing has changed. Check the scale of their values, or lower learningRate`);
    }
    model.trainer.labelRange = widen(model.trainer.labelRange, data);
    this.#model = model;
    return loss;
  }

  get #training(): Capacity["training"] {
    return { initialState: this.#settings.optimizer.initialState };
  }

  #newTrainer(numFeatures: number, capacity: Capacity, caller: string): Trainer {
    const { embeddingDim, layers, initStd, seed, loss, optimizer, l2, backend } = this.#settings;
    if (numFeatures === 0) throw new RangeError(`${caller}: x must have at least one feature, got only empty rows`);
    const network = new Network({ numFeatures, embeddingDim, layers, initStd, seed }, capacity, chooseKernels(backend));
    network.initialise();
    return new Trainer(network, loss, optimizer, l2);
  }

  /** The model, made on first use if the number of features is known from the options. */
  #started(): Model | null {
    const { encoder, numFeatures } = this.#settings;
    const known = numFeatures ?? (encoder?.fitted ? encoder.numFeatures : null);
    if (this.#model === null && known !== null && (encoder === null || encoder.fitted)) {
      this.#model = { trainer: this.#newTrainer(known, PREDICTION_CAPACITY, "NFM"), encoder };
    }
    return this.#model;
  }

  #ready(caller: string): Model {
    const model = this.#started();
    if (!model) throw new Error(`${caller}: the model has no parameters yet; fit it, load one, or construct it with numFeatures`);
    return model;
  }

  #begin(caller: string, count: number): void {
    if (this.#fitting) throw new Error(`${caller}: this model is being fitted; await that first`);
    if (count === 0) throw new RangeError(`${caller}: needs at least one row, got 0`);
  }

  #requireLoss(caller: string, kind: "pointwise" | "pairwise"): void {
    const { loss } = this.#settings;
    if (loss.kind === kind) return;
    const other = kind === "pointwise" ? `${caller}Pairs` : caller.replace("Pairs", "");
    throw new Error(`${caller}: the ${loss.name} loss is ${loss.kind}; use ${other}, or another loss`);
  }

  #targets(place: string, y: ArrayLike<number>, rows: number): Float32Array {
    const { loss } = this.#settings;
    const map = loss.kind === "pointwise" && loss.target ? loss.target.bind(loss) : (label: number) => label;
    return readLabels(y, rows, place, map, loss.kind === "pointwise" ? loss.labels : undefined);
  }

  #countPairs(caller: string, positives: Input, negatives: Input): number {
    const [count, other] = [countRows(positives, `${caller}: positives`), countRows(negatives, `${caller}: negatives`)];
    if (other !== count) throw wrongValue(`${caller}: negatives`, `as many rows as positives (${count})`, other);
    return count;
  }

  /** Decides how rows are read: learns an encoder if the data are feature maps and none was given. */
  *#makeReader(caller: string, examples: Examples): Generator<void, Reader> {
    const { encoder: given, numFeatures } = this.#settings;
    if (given?.fitted) return { encoder: given, numFeatures: numFeatures ?? given.numFeatures };
    const [x, place] = examples.kind === "pointwise" ? [examples.x, `${caller}: x`] : [examples.positives, `${caller}: positives`];
    if (!needsEncoder(x) || (given === null && numFeatures !== null)) {
      if (given) throw wrongType(place, "feature maps, for the encoder to learn from", x);
      return { encoder: null, numFeatures };
    }
    const encoder = new FeatureEncoder(given?.options);
    yield* learnEncoder(encoder, examples.kind === "pointwise" ? x : [...(x as FeatureMap[]), ...(examples.negatives as FeatureMap[])], place);
    if (numFeatures !== null && encoder.numFeatures > numFeatures) throw wrongValue("NFM: numFeatures", `at least the number of features in the data (${encoder.numFeatures})`, numFeatures);
    return { encoder, numFeatures: numFeatures ?? encoder.numFeatures };
  }

  /** Holds out a random share of the examples, the same under the same seed. */
  #split(caller: string, examples: Examples, count: number, share: number): [kept: Examples, heldOut: Examples] {
    const size = Math.max(1, Math.round(count * share));
    if (size >= count) throw wrongValue(`${caller}: validation`, `a share that leaves rows to train on (of ${count})`, share);
    const order = randomPermutation(randomKey(this.#settings.seed, Stream.split), count);
    return [takeExamples(examples, order.slice(size).sort()), takeExamples(examples, order.slice(0, size).sort())];
  }

  /** Reads the validation data and settles what to measure on it. */
  *#plan(caller: string, heldOut: Examples | null, options: FitOptions, reader: Reader, labelRange: Trainer["labelRange"]): Generator<void, ValidationPlan> {
    const { loss } = this.#settings;
    const place = `${caller}: validation`;
    const given = options.validation as Exclude<FitOptions["validation"], number | undefined>;
    let examples = heldOut;
    if (examples === null && "x" in given) {
      examples = { kind: "pointwise", x: given.x, targets: this.#targets(`${place}.y`, given.y, countRows(given.x, `${place}.x`)), weights: null };
    } else if (examples === null && "positives" in given) {
      this.#countPairs(place, given.positives, given.negatives);
      examples = { kind: "pairwise", ...given };
    }
    const data = yield* readExamples(caller, examples!, reader, heldOut ? "" : "validation.");
    if (countExamples(data) === 0) throw new RangeError(`${place} needs at least one row, got 0`);
    const monitor = options.monitor ?? options.metrics?.[0] ?? "loss";
    const metrics = [...new Set([...(options.metrics ?? defaultMetrics(loss)), ...(monitor === "loss" ? [] : [monitor])])];
    const targets = data.kind === "pointwise" ? data.targets : Float32Array.of(1, 0);
    for (const metric of metrics) checkMetric(metric, { targets, loss, labelRange }, place);
    return { data, metrics, monitor };
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

/** Turns examples into matrices. */
function* readExamples(caller: string, examples: Examples, reader: Reader, prefix: string = ""): Generator<void, TrainingData> {
  if (examples.kind === "pointwise") return { ...examples, x: yield* readInput(examples.x, reader, `${caller}: ${prefix}x`) };
  const positives = yield* readInput(examples.positives, reader, `${caller}: ${prefix}positives`);
  const negatives = yield* readInput(examples.negatives, reader, `${caller}: ${prefix}negatives`);
  return { kind: "pairwise", positives, negatives };
}

function takeExamples(examples: Examples, rows: Uint32Array): Examples {
  const take = (x: Input): Input => (Array.isArray(x) ? Array.from(rows, (row) => x[row] as FeatureMap) : (x as CSRMatrix).take(rows));
  if (examples.kind === "pairwise") return { kind: "pairwise", positives: take(examples.positives), negatives: take(examples.negatives) };
  const { x, targets, weights } = examples;
  return { kind: "pointwise", x: take(x), targets: Float32Array.from(rows, (row) => targets[row]), weights: weights && Float32Array.from(rows, (row) => weights[row]) };
}

/** The range of the labels seen so far. */
function widen(range: Trainer["labelRange"], data: TrainingData): Trainer["labelRange"] {
  if (data.kind === "pairwise") return range;
  let [low, high] = range ?? [Infinity, -Infinity];
  for (const target of data.targets) {
    if (target < low) low = target;
    if (target > high) high = target;
  }
  return [low, high];
}
