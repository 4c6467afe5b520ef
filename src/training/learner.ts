// What an NFM is underneath: options, and once the number of features is known, a predictor and a trainer.
// Everything that changes a model goes through here, and happens wholly or not at all.

import { Pacer, runAtOnce, runPaced } from "../core/event-loop.ts";
import { type Notices, thousands } from "../core/notices.ts";
import { FeatureEncoder } from "../data/feature-encoder.ts";
import type { Classes } from "../data/labels.ts";
import { tellLargeNumbers } from "../data/large-numbers.ts";
import type { Level } from "../data/level-search.ts";
import type { FeatureSpace } from "../data/rows.ts";
import type { SparseRows } from "../data/sparse-row.ts";
import { Memory } from "../kernels/memory.ts";
import { trainingKernels } from "../kernels/training.ts";
import { linkOf } from "../links.ts";
import { type PointwiseLoss, squared } from "../losses.ts";
import { isBuiltIn } from "../model/architecture.ts";
import type { ModelBytes } from "../model/bytes.ts";
import { initializeParameters } from "../model/initialize.ts";
import { type LabelInfo, type LabelUnit, labelsFromJSON } from "../model/label-unit.ts";
import {
  checkFitted,
  checkTensors,
  loadParameters,
  type ModelFile,
  readModelFile,
} from "../model/model-file.ts";
import {
  checkNumbers,
  type ModelContents,
  type ModelStream,
  modelToStream,
  openModelStream,
  targetsOf,
} from "../model/model-stream.ts";
import { listParameters, Parameters } from "../model/parameters.ts";
import { Predictor } from "../predictor.ts";
import type {
  Dataset,
  DatasetSource,
  LabelRange,
  LearnedSpace,
  MeasurableSource,
  StreamedDataset,
  StreamedSource,
} from "./dataset.ts";
import type { Measure } from "./early-stopping.ts";
import { type Course, type History, type RefitHistory, runEpochs, runSteps } from "./epochs.ts";
import type { FitSettings } from "./fit-options.ts";
import { startOf, tellLabels } from "./label-start.ts";
import { type LoadOverrides, type Settings, settingsFor, settingsFromFile } from "./options.ts";
import { clearPretrained, givePretrained, type Pretrained, takePretrained } from "./pretrained.ts";
import type { Resumption } from "./resumption.ts";
import {
  canResume,
  checkOptimizerState,
  type FileParts,
  loadOptimizerState,
  modelContents,
  readTrainingRecord,
  stateCheck,
  writeModelFile,
} from "./save.ts";
import { Trainer, type TrainingRecord } from "./trainer.ts";
import { type Division, holdOut, unionOf, type Validation } from "./validation.ts";
import {
  beginLearning,
  beginSearch,
  findLevels,
  type Learning,
  learnFeatures,
  type Search,
} from "./vocabulary.ts";

/** What exists once the number of features is known. */
interface Model {
  readonly predictor: Predictor;
  readonly record: TrainingRecord;
  /** The settings with the defaults for its training data. */
  readonly settings: Settings;
  /** Made when training begins. */
  trainer: Trainer | null;
}

/** What decides how data are divided. */
interface FitContext {
  /** Smallest and largest label of earlier training; null if there are none. */
  readonly knownRange: LabelRange;
  /** Says when to give way to the event loop. */
  readonly pacer: Pacer;
  /** The model that is trained further; null: a new one. */
  readonly resumed: Model | null;
  /** Whether that model may learn new levels. */
  readonly grows: boolean;
}

/** What the first reading of a stream needs to know of the model. */
export interface StreamContext extends Omit<FitContext, "resumed"> {
  /** The method, in errors. */
  readonly caller: string;
  readonly loss: PointwiseLoss;
  /** Seed of the random division. */
  readonly seed: number;
  /** The strings that the model knows as labels; null: it knows numbers; undefined: nothing yet. */
  readonly known: Classes | null | undefined;
  /** The features of the model that is trained further; null: a new model learns its features. */
  readonly space: LearnedSpace | null;
  /** Begins to learn the features of a new model. */
  beginLearning(areNamed: boolean): Learning | LearnedSpace;
  /** Begins to look for new levels, if the model grows. */
  beginSearch(): Search;
}

/** A model with everything that changes it. */
export class Learner {
  /** The settings of new models. Defaults that depend on the training data are those for unknown data. */
  #settings: Settings;
  /** The course of the last fit that ended well. */
  history: History | null = null;
  /**
   * Continues a `fit` of a process that was killed, and keeps the state of the next one; null: nobody does.
   */
  resumption: Resumption | null = null;
  /** The settings before `initFrom`. */
  readonly #given: Settings;
  /** Memories of all models come from it, so that kernels are compiled only once. */
  readonly #memory: Memory;
  #model: Model | null = null;
  #isFitting = false;
  /** Whether the parameters are anything but initial values. */
  #isTrained = false;
  /** Initial values of V, w and w0; null: the usual ones. */
  #pretrained: Pretrained | null = null;

  /** @throws Error for a backend that cannot run here. */
  constructor(settings: Settings) {
    this.#settings = settings;
    this.#given = settings;
    this.#memory = new Memory(settings.backend, settings.threads);
  }

  /**
   * Reads a model file.
   *
   * @throws Error, TypeError or RangeError that says what is wrong with the file.
   */
  static load(bytes: ModelBytes, overrides: LoadOverrides): Learner {
    const file = readModelFile(bytes);
    const { learner, model } = Learner.#empty(file, overrides);
    checkOptimizerState(file);
    if (model.trainer !== null) loadOptimizerState(model.trainer.trained, file);
    loadParameters(model.predictor.network.parameters, file);
    return learner;
  }

  /**
   * Reads a model file piece by piece.
   *
   * @returns The model, and the bytes of the file by name.
   * @throws As `load`, and what reading throws.
   */
  static async loadStream(
    stream: ModelStream,
    overrides: LoadOverrides,
  ): Promise<{ learner: Learner; file: ModelFile; blobs: ReadonlyMap<string, Uint8Array> }> {
    const { file, fill } = await openModelStream(stream);
    const { learner, model } = Learner.#empty(file, overrides);
    const { parameters } = model.predictor.network;
    const targets = targetsOf(parameters);
    for (const { parameter, state } of model.trainer?.trained ?? []) {
      if (state === null) continue;
      targets.set(`optimizer.${parameter.name}`, { tensor: state, transposed: parameter.transposed });
    }
    const check = stateCheck(file);
    const blobs = await fill(targets, (name, data, first) => {
      checkNumbers(name, data, first);
      check(name, data, first);
    });
    parameters.markChanged();
    return { learner, file, blobs };
  }

  /** Makes the model of a file, without its numbers. */
  static #empty(file: ModelFile, overrides: LoadOverrides): { learner: Learner; model: Model } {
    const encoder = file.encoder === undefined ? null : FeatureEncoder.fromJSON(file.encoder);
    if (encoder !== null) checkFitted(encoder);
    const settings = settingsFromFile(file.config, overrides, encoder);
    const record = readTrainingRecord(file.training);
    const { embeddingDim, layers } = settings;
    checkTensors(file, listParameters({ numFeatures: settings.numFeatures!, embeddingDim, layers }));

    const learner = new Learner(settings);
    const labels = labelsFromJSON(file.labels);
    const model = learner.#newModel(
      settings,
      settings.numFeatures!,
      settings.encoder && settings.encoder.frozen(), // the one of the settings does not grow
      "load",
      labels,
      record,
    );
    if (canResume(file, settings)) learner.#trainerOf(model, 1, 1);
    else model.predictor.allocate();
    learner.#model = model;
    learner.#isTrained = true;
    return { learner, model };
  }

  /**
   * Takes the model of a file of another process with the same options and data, so that `resumption` can go
   * on with it.
   *
   * @throws As `load`.
   */
  restore(bytes: ModelBytes): void {
    const { backend, threads } = this.settings;
    this.#model = Learner.load(bytes, { backend, ...threads, notices: false }).#model;
    this.#isTrained = true;
  }

  /** The settings of the model, or of the next one before there is any. */
  get settings(): Settings {
    return this.#model?.settings ?? this.#settings;
  }

  /** Number of steps of the model so far. */
  get steps(): number {
    return this.#model?.record.steps ?? 0;
  }

  /** Which kernels run. */
  get backend(): "wasm" | "js" {
    return this.predictor?.backend ?? this.#memory.backend;
  }

  /** How many threads compute long work. */
  get threads(): number {
    return this.predictor?.threads ?? this.#memory.threads;
  }

  /** The model that predicts; null before the number of features is known. Reading it makes nothing. */
  get predictor(): Predictor | null {
    return this.#model?.predictor ?? null;
  }

  /** Range of the training labels; null if it is not known. */
  get labelRange(): TrainingRecord["labelRange"] {
    return this.#model?.record.labelRange ?? null;
  }

  /**
   * The strings that the model knows as labels; null: it knows numbers; undefined: it has learned no labels
   * yet.
   */
  get knownClasses(): Classes | null | undefined {
    return this.#isTrained ? this.#model!.predictor.labels.classes : undefined;
  }

  /** Number of trainable numbers; 0 while the number of features is not known. */
  get numParameters(): number {
    const { embeddingDim, layers } = this.settings;
    const numFeatures = this.predictor?.numFeatures ?? this.settings.numFeatures ?? 0;
    if (numFeatures === 0) return 0;
    const trainable = listParameters({ numFeatures, embeddingDim, layers }).filter((info) => info.trainable);
    return trainable.reduce((sum, { shape }) => sum + shape.reduce((size, n) => size * n, 1), 0);
  }

  /** The model that predicts. `caller` stands in the error. @throws Error if there are no parameters yet. */
  ready(caller: string): Predictor {
    return this.#ready(caller).predictor;
  }

  /** The model, made on first use if the number of features is known from the options; else null. */
  #started(): Model | null {
    const { encoder, numFeatures } = this.#settings;
    const known = numFeatures ?? (encoder?.fitted ? encoder.numFeatures : null);
    if (this.#model === null && known !== null && (encoder === null || encoder.fitted)) {
      const labels = { unit: this.#firstUnit, classes: null };
      const model = this.#newModel(this.#settings, known, encoder && encoder.frozen(), "NFM", labels);
      model.predictor.allocate();
      runAtOnce(this.#initialize(model, null));
      this.#model = model;
    }
    return this.#model;
  }

  /** The unit of a model that no `fit` has given one: that of the factorization machine it starts from. */
  get #firstUnit(): LabelUnit | null {
    const { loss, labels } = this.settings;
    return loss === squared && labels === "auto" ? (this.#pretrained?.unit ?? null) : null;
  }

  #ready(caller: string): Model {
    // Without this, a model with numFeatures would answer with its initial values.
    if (this.#isFitting && this.#model === null) {
      throw new Error(`${caller}: fit is still running, and has not made the parameters yet: await it`);
    }
    const model = this.#started();
    if (model) return model;
    const remedy = "fit it, load one, or construct it with numFeatures";
    throw new Error(`${caller}: the model has no parameters yet; ${remedy} (fit is asynchronous: await it)`);
  }

  /**
   * Trains on data that have been checked. A share of measurable data may be held out.
   *
   * @param caller The method, in errors.
   * @throws TypeError, RangeError or Error; the model is then as it was, or as after the last good epoch.
   */
  fitMeasurable(caller: string, source: MeasurableSource, settings: FitSettings): Promise<History> {
    const { loss, seed } = this.settings;
    return this.#fit(caller, source.size, settings, ({ knownRange, pacer }) => {
      return runPaced(holdOut(source, settings, { place: `${caller}: `, loss, seed, knownRange }), pacer);
    });
  }

  /**
   * Trains on a stream, which is read anew in every epoch.
   *
   * @param caller The method, in errors.
   * @param divide Reads the stream for the first time, and holds out rows.
   * @throws As `fitMeasurable`, and what reading throws.
   */
  fitStream(
    caller: string,
    settings: FitSettings,
    divide: (context: StreamContext) => Promise<Division>,
  ): Promise<History> {
    return this.#fit(caller, null, settings, ({ resumed, ...context }) => {
      const { settings } = this;
      const space = resumed && spaceOf(resumed);
      return divide({
        ...{ caller, loss: settings.loss as PointwiseLoss, seed: settings.seed, space },
        known: resumed === null ? undefined : this.knownClasses,
        beginLearning: (areNamed) => beginLearning(settings, areNamed),
        beginSearch: () => beginSearch(space!.encoder, settings, caller, minCountOf(space!)),
        ...context,
      });
    });
  }

  /**
   * Trains on data that have been checked, with held-out data of another form.
   *
   * @param caller The method, in errors.
   * @throws TypeError, RangeError or Error; the model is then as it was, or as after the last good epoch.
   */
  fit(
    caller: string,
    source: DatasetSource,
    settings: FitSettings,
    validation: Validation | null,
  ): Promise<History> {
    const { size: rows } = source;
    const division = { rows, kept: source, validation, settings, refitOn: null, notice: null };
    return this.#fit(caller, rows, settings, async () => division);
  }

  /** Trains. `size` is the number of rows, null if it is not known; `divide` holds out some of them. */
  async #fit(
    caller: string,
    size: number | null,
    { resume, signal }: FitSettings,
    divide: (context: FitContext) => Promise<Division>,
  ): Promise<History> {
    this.#begin(caller, size);
    signal?.throwIfAborted();
    const { notices } = this.settings;
    notices.renew();
    const previous = resume ? this.#ready(caller) : this.#model;
    const goesOn = resume || (this.resumption?.from ?? null) !== null;
    const resumed = goesOn && this.#isTrained ? previous : null; // without training nothing can go on
    if (resumed !== null) this.#checkUnit(caller, resumed);
    const knownRange = resumed?.record.labelRange ?? null;
    // What goes on in another process knows all levels already, but for those that minCount left out.
    const grown = resumed !== null && this.resumption?.from == null ? resumed : null;
    let growth: Growth | null = null;
    this.#isFitting = true;
    try {
      const pacer = new Pacer(signal);
      await pacer.rest(); // reading many labels has used up a slice already
      const context = { knownRange, pacer, resumed, grows: grown !== null };
      const { rows, kept, validation, settings, refitOn, notice } = await divide(context);
      if (pacer.due) await pacer.rest();
      if (grown !== null) {
        const minCount = minCountOf(spaceOf(grown));
        const levels =
          "learned" in kept
            ? kept.learned.levels
            : await runPaced(this.#newLevels(caller, grown, kept, minCount), pacer);
        growth = this.#grow(grown, levels);
      }
      const { course, model, measure } = await this.#prepare(
        caller,
        kept,
        rows,
        settings,
        pacer,
        resumed,
        validation,
      );
      const { record } = model;
      const doneBefore = record.epochs;
      record.labelRange = unionOf(knownRange, kept.labelRange);
      this.#model = model;
      if (notice !== null) notices.tell("held-out", notice);
      try {
        const plan = validation && { monitor: validation.monitor, measure: measure! };
        const history = await runEpochs({ ...course, resumption: this.resumption }, plan);
        this.#isTrained = true;
        tellIfBestAtFirst(notices, caller, history);
        const all = refitOn && (await refitOn(pacer));
        const refit = all && (await this.#refit(caller, all, settings, pacer, history.steps));
        this.history = { ...history, refit };
        if (this.#model !== previous) previous?.predictor.close();
        return this.history;
      } catch (error) {
        if (record.epochs === doneBefore) {
          record.labelRange = knownRange;
          if (model !== previous) model.predictor.close();
          this.#model = previous;
        } else growth = null; // the last good epoch knows the new levels
        throw error;
      } finally {
        if (record.epochs > doneBefore) this.#isTrained = true;
      }
    } catch (error) {
      growth?.undo();
      throw error;
    } finally {
      this.#isFitting = false;
    }
  }

  /** Finds the levels of a source that a model does not know. At least `minCount` rows must have a level. */
  #newLevels(
    caller: string,
    model: Model,
    source: DatasetSource,
    minCount: number,
  ): Generator<void, readonly Level[]> {
    return findLevels(source.vocabulary, spaceOf(model).encoder, model.settings, caller, minCount);
  }

  /** Gives levels columns and rows of the tables. Names come first into rows that are reserved for them. */
  #grow(model: Model, levels: readonly Level[]): Growth {
    const { encoder, numFeatures } = spaceOf(model);
    if (levels.length === 0) return { undo() {} };
    const columns = encoder!.numFeatures;
    encoder!.addLevels(levels);
    const needed = encoder!.numFeatures;
    try {
      if (needed > numFeatures!) this.#trainerOf(model, 1, 1).grow(needed);
    } catch (error) {
      encoder!.removeLevels(columns);
      throw error;
    }
    return {
      undo() {
        if (needed > numFeatures!) model.trainer!.shrink(numFeatures!);
        encoder!.removeLevels(columns);
      },
    };
  }

  /**
   * Encodes data and makes everything for training on them: a new model, or `resumed` with what it needs.
   * Nothing of this learner has changed afterwards. `rows` are those of `source` and those that were held
   * out.
   */
  async #prepare(
    caller: string,
    source: DatasetSource | StreamedSource,
    rows: number,
    settings: FitSettings,
    pacer: Pacer,
    resumed: Model | null,
    validation: Validation | null,
  ): Promise<{ course: Course; model: Model; measure: Measure | null }> {
    const { loss, labels, notices, seed } = this.settings;
    const statistics = source.statistics?.() ?? null;
    const start = resumed ? null : startOf(loss, labels, statistics);
    const unit = start ? start.unit : resumed!.predictor.labels.unit;
    const learned = "learned" in source ? source.learned.space : null;
    const space = resumed
      ? spaceOf(resumed)
      : (learned ?? (await runPaced(this.#learnFeatures(source as DatasetSource), pacer)));
    const inspect: FeatureSpace["inspect"] = (rows, place) =>
      tellLargeNumbers(rows, space.encoder, place, notices);
    const reading: Generator<void, Dataset | StreamedDataset> = source.read({ ...space, inspect }, unit);
    const dataset = await runPaced(reading, pacer);
    const numFeatures = space.numFeatures ?? dataset.numFeatures;
    const measure = validation && (await runPaced(validation.read({ ...space, numFeatures }), pacer));
    const classes = source.classes ?? null;
    const tuned = settingsFor(this.#settings, Math.max(rows, dataset.size));
    const model = resumed ?? this.#newModel(tuned, numFeatures, space.encoder, caller, { unit, classes });
    const trainer = this.#trainerFor(model, dataset, settings.batchSize);
    if (start) await runPaced(this.#initialize(model, start.bias), pacer);
    if (statistics !== null && source.labelRange !== null)
      tellLabels(notices, caller, loss, statistics, start && unit, classes);
    return { course: { caller, trainer, dataset, seed, settings, pacer }, model, measure };
  }

  /** Trains a new model on all data for some steps. It takes the place of the present one at the end. */
  async #refit(
    caller: string,
    source: DatasetSource | StreamedSource,
    settings: FitSettings,
    pacer: Pacer,
    steps: number,
  ): Promise<RefitHistory> {
    const { course, model } = await this.#prepare(caller, source, source.size, settings, pacer, null, null);
    model.record.labelRange = source.labelRange;
    const refit = await runSteps(course, steps);
    this.#model?.predictor.close();
    this.#model = model;
    return refit;
  }

  /**
   * Takes one step on all examples.
   *
   * @param caller The method, in errors.
   * @returns The mean loss before the step.
   * @throws TypeError, RangeError or Error; nothing has changed then.
   */
  partialFit(caller: string, source: DatasetSource): number {
    this.#begin(caller, source.size);
    const classes = source.classes ?? null;
    // A model that knows no labels yet is made anew with the strings of the first ones.
    const started = this.#isTrained || classes === null ? this.#started() : null;
    if (started) this.#checkUnit(caller, started);
    const growth = started && this.#grow(started, runAtOnce(this.#newLevels(caller, started, source, 1)));
    try {
      return this.#takeStep(caller, source, started);
    } catch (error) {
      growth?.undo();
      throw error;
    }
  }

  /** Takes one step on all examples. If it throws, nothing has changed. `started` is null for a new model. */
  #takeStep(caller: string, source: DatasetSource, started: Model | null): number {
    const classes = source.classes ?? null;
    const space = started ? spaceOf(started) : this.#firstSpace(caller, source);
    const labels = started ? started.predictor.labels : { unit: this.#firstUnit, classes };
    const dataset = runAtOnce(source.read(space, labels.unit));
    const model =
      started ??
      this.#newModel(this.#settings, space.numFeatures ?? dataset.numFeatures, space.encoder, caller, labels);
    const trainer = this.#trainerFor(model, dataset, dataset.size);
    if (!started) runAtOnce(this.#initialize(model, null));
    const loss = trainer.safeStep(dataset);
    if (!Number.isFinite(loss)) {
      const remedy = "Check the scale of their values, or lower learningRate";
      const reason = `the loss of these rows is ${loss}, or would be after this step; nothing has changed`;
      throw new Error(`${caller}: ${reason}. ${remedy}`);
    }
    model.record.labelRange = unionOf(model.record.labelRange, source.labelRange);
    this.#model = model;
    this.#isTrained = true;
    return loss;
  }

  /** The features of a new model that begins with one step. */
  #firstSpace(caller: string, source: DatasetSource): LearnedSpace {
    const space = runAtOnce(this.#learnFeatures(source));
    const { encoder, numFeatures } = space;
    // A vocabulary of these rows knows all of their levels, but for those that minCount left out.
    if (encoder === null || !this.#settings.encoder?.fitted) return space;
    encoder.addLevels(runAtOnce(findLevels(source.vocabulary, encoder, this.#settings, caller, 1)));
    return { encoder, numFeatures: Math.max(numFeatures!, encoder.numFeatures) };
  }

  /**
   * Forgets a level: its name, and what training did to its row of the tables. The row stays without a name.
   *
   * @param caller The method, in errors.
   * @param field Name of the field.
   * @param level The level.
   * @returns Whether the model knew the level.
   * @throws Error while the model is being fitted; nothing has changed then.
   */
  forgetLevel(caller: string, field: string, level: string): boolean {
    if (this.#isFitting) throw new Error(`${caller}: this model is being fitted; await that first`);
    const { encoder } = this.#settings;
    // Models that are made later start from this encoder and these values.
    const given = encoder?.dropLevel(field, level) ?? null;
    if (given !== null && this.#pretrained !== null) clearPretrained(this.#pretrained, given);
    const model = this.#model;
    const column = (model && spaceOf(model).encoder?.dropLevel(field, level)) ?? null;
    if (model !== null && column !== null) {
      if (model.trainer !== null) model.trainer.forgetRow(column);
      else model.predictor.network.parameters.clearRow(column);
    }
    return given !== null || column !== null;
  }

  /**
   * Makes V, w and w0 of another model the initial values of this one, together with its vocabulary.
   *
   * @throws Error if this model has been trained; RangeError if the sizes differ.
   */
  initFrom(source: Learner): void {
    const predictor = source.ready("initFrom: fm");
    const encoder = predictor.encoder as FeatureEncoder | null;
    if (!source.#isTrained) throw new Error("initFrom: fm has not been trained; its values are random");
    const { parameters } = predictor.network;
    const { embeddingDim, encoder: ownEncoder, numFeatures, maxFeatures } = this.#given;
    if (this.#isFitting) throw new Error("initFrom: this model is being fitted; await that first");
    if (this.#isTrained) {
      throw new Error(
        "initFrom: this model has been trained already, and that would be lost; make a new one",
      );
    }
    if (parameters.embeddingDim !== embeddingDim) {
      const expected = `fm must have this model's embeddingDim (${embeddingDim})`;
      throw new RangeError(`initFrom: ${expected}, got ${parameters.embeddingDim}`);
    }
    if (numFeatures !== null && numFeatures !== parameters.numFeatures) {
      const expected = `fm must have this model's numFeatures (${numFeatures})`;
      throw new RangeError(`initFrom: ${expected}, got ${parameters.numFeatures}`);
    }
    if (maxFeatures !== null && parameters.numFeatures > maxFeatures) {
      const expected = `fm must have at most this model's maxFeatures (${maxFeatures}) features`;
      throw new RangeError(`initFrom: ${expected}, got ${parameters.numFeatures}`);
    }
    if (ownEncoder !== null && !isSameEncoder(ownEncoder, encoder)) {
      const remedy = "leave it out, and fm's is taken";
      throw new Error(
        `initFrom: this model has an encoder of its own, which differs from that of fm; ${remedy}`,
      );
    }
    this.#pretrained = takePretrained(parameters, predictor.labels.unit);
    this.#settings = {
      ...this.#given,
      encoder: encoder && encoder.frozen(),
      numFeatures: parameters.numFeatures,
    };
    this.#model = null;
  }

  /**
   * The model as a file, with further parts if there are any. `withOptimizer`: with everything needed to go on
   * training as if nothing had happened.
   */
  save(withOptimizer: boolean, more: FileParts | null = null): Uint8Array {
    return writeModelFile(this.#contents("save", withOptimizer, more));
  }

  /** The same as a stream, which ends with an error if the model changes meanwhile. */
  saveStream(withOptimizer: boolean, more: FileParts | null = null): ReadableStream<Uint8Array> {
    const { predictor } = this.#ready("saveStream");
    const contents = this.#contents("saveStream", withOptimizer, more);
    return modelToStream(contents, predictor.network.parameters);
  }

  #contents(caller: string, withOptimizer: boolean, more: FileParts | null): ModelContents {
    const model = this.#ready(caller);
    const trained = withOptimizer ? (model.trainer?.trained ?? []) : null;
    return modelContents(this.settings, model.predictor, model.record, trained, more);
  }

  #begin(caller: string, size: number | null): void {
    if (this.#isFitting) throw new Error(`${caller}: this model is being fitted; await that first`);
    if (size === 0) throw new RangeError(`${caller}: needs at least one row, got 0`);
  }

  /**
   * Throws if the model has learned standardized labels and now has another loss, which a file cannot have.
   */
  #checkUnit(caller: string, { predictor }: Model): void {
    const { loss } = this.settings;
    if (predictor.labels.unit === null || loss === squared) return;
    const state = `this model has learned standardized labels with the squared loss, not with ${loss.name}`;
    throw new Error(`${caller}: ${state}; train it anew with fit, or load it without another loss`);
  }

  #learnFeatures(source: DatasetSource): Generator<void, LearnedSpace> {
    return learnFeatures(source, this.#settings);
  }

  #newModel(
    settings: Settings,
    numFeatures: number,
    encoder: FeatureEncoder | null,
    caller: string,
    labels: LabelInfo,
    record: TrainingRecord = { steps: 0, epochs: 0, labelRange: null },
  ): Model {
    if (numFeatures === 0)
      throw new RangeError(`${caller}: x must have at least one feature, got only empty rows`);
    const { embeddingDim, layers, loss, notices, maxFeatures } = settings;
    if (numFeatures > (maxFeatures ?? Infinity)) {
      const most = `at most maxFeatures (${maxFeatures}) features`;
      throw new RangeError(`${caller}: x must have ${most}, got ${numFeatures}`);
    }
    const memory = this.#memory.fork();
    // A layer of the user's own may call any kernel, also in prediction.
    if (!layers.every(isBuiltIn)) memory.addKernels(trainingKernels);
    const parameters = new Parameters({ numFeatures, embeddingDim, layers }, memory);
    const predictor = new Predictor(parameters, encoder, linkOf(loss), notices, labels);
    return { predictor, record, settings, trainer: null };
  }

  /** The trainer of a model, with room for batches of the given size. */
  #trainerOf(model: Model, rows: number, entries: number): Trainer {
    const trainer = model.trainer ?? new Trainer(model.predictor, model.record, model.settings);
    trainer.reserve(rows, entries);
    model.predictor.allocate();
    model.trainer = trainer;
    return trainer;
  }

  /**
   * The trainer of a model, with room for any batch. Where long rows are drawn repeatedly, it makes more when
   * it must.
   */
  #trainerFor(model: Model, dataset: Dataset | StreamedDataset, batchSize: number): Trainer {
    const { rows, entries } = dataset.usualSize(Math.min(batchSize, dataset.size));
    return this.#trainerOf(model, rows, entries);
  }

  /**
   * Gives the parameters their first values. `bias` is the score of an empty row; null: w0 is 0. `initFrom`
   * may have given other values.
   */
  *#initialize({ predictor, settings }: Model, bias: number | null): Generator<void, void> {
    const { network } = predictor;
    const { parameters } = network;
    yield* initializeParameters(parameters, settings.seed, settings.initStd);
    parameters.bias.value.data[0] = 0;
    parameters.markChanged();
    // The random layers give an empty row a score. Without it, an empty row gets the constant prediction, and
    // other rows nearly so. A layer of the user's own may have no score for an empty row.
    if (bias !== null) {
      network.scoreRow(EMPTY_ROW);
      const [score] = network.scores.data;
      parameters.bias.value.data[0] = Number.isFinite(score) ? bias - score : bias;
    }
    if (this.#pretrained !== null) givePretrained(parameters, predictor.labels.unit, this.#pretrained);
    parameters.markChanged();
  }
}

/** The rows that a model has got for new levels. */
interface Growth {
  /** Takes them back. It cannot fail. */
  undo(): void;
}

/** Says whether the encoder of an option would have led to the learned one, which may have grown since. */
function isSameEncoder(given: FeatureEncoder, learned: FeatureEncoder | null): boolean {
  if (!given.fitted) return JSON.stringify(given.options) === JSON.stringify(learned?.options);
  if (learned === null) return false;
  const [first, second] = [given.toJSON(), learned.toJSON()];
  const names = second.names?.slice(0, first.names?.length);
  return JSON.stringify(first) === JSON.stringify({ ...second, ...(names && { names }) });
}

const EMPTY_ROW: SparseRows = {
  ...{ rows: 1, cols: 0 },
  ...{ indptr: new Uint32Array(2), indices: new Uint32Array(0), values: null },
};

/** How the rows of a model are read. */
function spaceOf({ predictor }: Model): LearnedSpace {
  return { encoder: predictor.encoder as FeatureEncoder | null, numFeatures: predictor.numFeatures };
}

/** The least number of rows that must have a level before a model learns it. */
function minCountOf({ encoder }: LearnedSpace): number {
  return encoder?.options.minCount ?? 1;
}

/** The least number of checks after the first one that say something about it. */
const CHECKS_AFTER_FIRST = 3;

/** Tells the user if training on from the first check only made the model worse. */
function tellIfBestAtFirst(notices: Notices, caller: string, { best, checks }: History): void {
  const first = checks.find(({ step }) => step > 0);
  if (best === null || first === undefined || best.step > first.step) return;
  if (checks.length - checks.indexOf(first) <= CHECKS_AFTER_FIRST) return;
  const what =
    best.rows === 0
      ? "the model was best before its first step, and training made it worse"
      : `the model was best at its first check, after ${thousands(best.rows)} rows, and more training made it worse`;
  notices.tell(
    "best-at-first-check",
    `${caller}: ${what}. A lower learningRate, more dropout or l2, or a smaller embeddingDim may help. If they do not, ` +
      `the rows say little about the labels`,
  );
}
