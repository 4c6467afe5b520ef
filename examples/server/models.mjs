// The model that serves, and its files. `current.json` says which file is the model. It is replaced in one
// step and only after the file of the model is complete, so a crash at any moment leaves a model that works.

import { createReadStream } from "node:fs";
import { readdir, readFile, unlink } from "node:fs/promises";
import { join } from "node:path";
import { Predictor, RecommenderPredictor } from "neural-fm/predict";
import { hashOf, publish, writeAtomically } from "./files.mjs";

const REMEDY =
  "Copy previous.json over current.json to serve the model before, or delete current.json to train afresh.";

/**
 * What `current.json` holds.
 *
 * @typedef {object} Manifest
 * @property {number} version Number of the model, from 1.
 * @property {string} file Name of its file.
 * @property {string} sha256 Hash of the file. The checks of the library find damage of the format, and the
 *   hash finds damage of the numbers as well.
 * @property {number} learned Position in the log of events from which on nothing was learned.
 * @property {number | null} metric Metric on the held-out events when it was trained.
 * @property {string} trained When it was trained.
 */

/** Holds the current model. Whoever answers a request takes `current` once and uses nothing else. */
export class Models {
  /** @type {null | { manifest: Manifest, lists: RecommenderPredictor, predictor: Predictor, ... }} */
  current = null;
  #folder;
  #withReasons;
  #metrics;

  constructor(folder, { reasons, metrics }) {
    this.#folder = folder;
    this.#withReasons = reasons;
    this.#metrics = metrics;
  }

  /** Path of a file in the folder of the models. */
  path(name) {
    return join(this.#folder, name);
  }

  /**
   * Loads the model that `current.json` names.
   *
   * @returns {Promise<boolean>} False if there is no model yet.
   * @throws {Error} If the file is missing or damaged. The message says which file, why, and what to do.
   */
  async open() {
    let text;
    try {
      text = await readFile(this.path("current.json"), "utf8");
    } catch (error) {
      if (error.code === "ENOENT") return false;
      throw error;
    }
    let manifest = { file: "current.json" };
    try {
      manifest = JSON.parse(text);
      this.current = await this.#load(manifest, this.path(manifest.file));
    } catch (error) {
      const file = this.path(manifest.file ?? "current.json");
      throw new Error(`cannot load the model ${file}: ${error.message}. ${REMEDY}`, { cause: error });
    }
    await this.#deleteOthers();
    return true;
  }

  /**
   * Takes a new model: loads it, gives its file the final name, and exchanges the models. Requests that are
   * being answered keep the old one.
   *
   * @param {string} candidate Path of the file that the training has written.
   * @param {Omit<Manifest, "version" | "file">} facts
   * @throws {Error} If the file cannot be loaded. The old model then stays.
   */
  async accept(candidate, facts) {
    const version = (this.current?.manifest.version ?? 0) + 1;
    const manifest = { version, file: `model-${version}.safetensors`, ...facts };
    const next = await this.#load(manifest, candidate);
    await publish(candidate, this.path(manifest.file));
    if (this.current !== null) await this.#write("previous.json", this.current.manifest);
    await this.#write("current.json", manifest);
    this.current = next;
    await this.#deleteOthers();
  }

  /** Keeps the model, and notes that the events before `learned` are not to be learned any more. */
  async skipTo(learned) {
    const manifest = { ...this.current.manifest, learned };
    await this.#write("current.json", manifest);
    this.current = { ...this.current, manifest };
  }

  /** Reads a file piece by piece, so that requests are answered in between. */
  async #load(manifest, path) {
    try {
      const sha256 = await hashOf(path);
      if (sha256 !== manifest.sha256)
        throw new Error(`its SHA-256 is ${sha256} and should be ${manifest.sha256}`);
      const options = { notices: false }; // unknown users and items are ordinary here
      const lists = await RecommenderPredictor.loadStream(createReadStream(path), options);
      const predictor = await Predictor.loadStream(createReadStream(path), options);
      // Only the whole library gives reasons. It is loaded only if they are wanted.
      const { Recommender } = this.#withReasons ? await import("neural-fm") : {};
      const reasons = (await Recommender?.loadStream(createReadStream(path), options)) ?? null;
      // The first list of a model encodes the catalog. It must not wait for a user.
      for (const one of [lists, reasons]) one?.recommend({ user: null }, { top: 1, history: [lists.ids[0]] });
      this.#metrics.count("neural_fm_model_loads_total", "ok");
      return { manifest, lists, predictor, reasons };
    } catch (error) {
      this.#metrics.count("neural_fm_model_loads_total", "failed");
      throw error;
    }
  }

  async #write(name, manifest) {
    await writeAtomically(this.path(name), `${JSON.stringify(manifest, null, 2)}\n`);
  }

  /** Deletes candidates that a crash left behind, and all models but the current one and the one before. */
  async #deleteOthers() {
    const before = await readFile(this.path("previous.json"), "utf8").then(JSON.parse, () => null);
    const kept = [this.current.manifest.file, before?.file];
    for (const name of await readdir(this.#folder))
      if (/^(model-\d+|candidate-\d+)\.safetensors$/.test(name) && !kept.includes(name))
        await unlink(this.path(name));
  }
}
