// Starts trainings, and decides what becomes of their models. One training runs at a time.

import { fork } from "node:child_process";
import { unlink } from "node:fs/promises";
import { setPriority } from "node:os";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("train.mjs", import.meta.url));

/** Trains by the clock and on demand. */
export class Training {
  #parts;
  #child = null;
  #timer = null;
  #isStopped = false;
  /** The training that is under way, or null. */
  running = null;

  /**
   * @param {object} parts
   * @param {ReturnType<import("./config.mjs").readConfig>} parts.config
   * @param {import("./models.mjs").Models} parts.models
   * @param {import("./events.mjs").EventLog} parts.events
   * @param {import("./metrics.mjs").Metrics} parts.metrics
   * @param {import("fastify").FastifyBaseLogger} parts.logger
   * @param {() => Promise<void>} parts.reloadCatalog Is called after every training.
   */
  constructor(parts) {
    this.#parts = parts;
  }

  /** Process id of the training, or null. */
  get pid() {
    return this.#child?.pid ?? null;
  }

  /** Starts the next training at the time that the settings say, and so on. */
  schedule() {
    const { config } = this.#parts;
    const wait = config.trainAt !== null ? untilTimeOfDay(config.trainAt) : config.trainEvery * 1000;
    if (wait === 0 || this.#isStopped) return;
    this.#timer = setTimeout(() => {
      this.start(config.trainMode);
      this.schedule();
    }, wait);
  }

  /**
   * Starts a training, unless one is under way.
   *
   * @param {"update" | "fit"} mode Without a model, every training is a fit.
   * @returns {boolean} Whether it has started.
   */
  start(mode) {
    if (this.running !== null || this.#isStopped) return false;
    const { logger, metrics, reloadCatalog } = this.#parts;
    this.running = this.#run(mode)
      .catch((error) => {
        logger.error({ err: error }, "training failed; the model stays");
        return "failed";
      })
      .then(async (result) => {
        await reloadCatalog().catch((error) => logger.error({ err: error }, "cannot read the catalog"));
        metrics.count("neural_fm_trainings_total", result);
        this.running = null;
      });
    return true;
  }

  /** Ends the training, and starts no other. */
  async stop() {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#child?.kill("SIGKILL"); // it has nothing to save
    await this.running;
  }

  /** Trains, and takes or rejects the new model. Returns the result, as /metrics names it. */
  async #run(mode) {
    const { config, models, events, metrics, logger } = this.#parts;
    const before = models.current?.manifest ?? null;
    const candidate = models.path(`candidate-${Date.now()}.safetensors`);
    await events.sync();
    const job = {
      mode: before === null ? "fit" : mode,
      catalog: models.path("catalog.json"),
      events: events.path,
      end: events.size,
      learned: before?.learned ?? 0,
      heldOut: config.heldOut,
      model: before === null ? null : models.path(before.file),
      candidate,
      // While there is no model, everybody waits for the training.
      nice: before === null ? 0 : config.trainNice,
    };
    try {
      const outcome = await this.#inProcess(job);
      if (outcome.skipped !== undefined) {
        logger.info(`no training: ${outcome.skipped}`);
        return "skipped";
      }
      const { metric, metricBefore, learned, sha256 } = outcome;
      // A comparison with NaN is false, so a metric that is no number is rejected as well.
      const isGood = metricBefore === null || metric >= metricBefore - config.tolerance;
      if (!isGood) {
        metrics.count("neural_fm_rollbacks_total");
        const range = `events from byte ${before.learned} to ${learned} of the log are not learned`;
        logger.error(outcome, `rollback: ndcg@10 fell by more than ${config.tolerance}; ${range}`);
        await models.skipTo(learned);
        return "rejected";
      }
      await models.accept(candidate, { sha256, learned, metric, trained: new Date().toISOString() });
      logger.info(outcome, `model ${models.current.manifest.version} serves`);
      return "accepted";
    } finally {
      await unlink(candidate).catch(() => {}); // an accepted one has another name by now
    }
  }

  /** Runs train.mjs. Rejects if it fails, is killed or takes too long. */
  #inProcess(job) {
    return new Promise((resolve, reject) => {
      const child = fork(PROGRAM, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
      this.#child = child;
      // The threads that a process starts inherit its priority. So it is set here, before Node has started
      // its threads for compiling and for garbage collection. train.mjs sets it again, in case this was late.
      try {
        setPriority(child.pid, job.nice);
      } catch {
        // The process may have ended already.
      }
      const limit = setTimeout(() => child.kill("SIGKILL"), this.#parts.config.trainTimeout * 1000);
      let outcome = null;
      child.once("message", (message) => {
        outcome = message;
      });
      child.once("error", reject);
      child.once("exit", (code, signal) => {
        clearTimeout(limit);
        this.#child = null;
        if (outcome?.error !== undefined) reject(new Error(outcome.error));
        else if (outcome !== null) resolve(outcome);
        else reject(new Error(`the process of the training ended with ${signal ?? `exit code ${code}`}`));
      });
      child.send(job, () => {}); // an error shows in the exit
    });
  }
}

/** Milliseconds from now until a local time of day such as "03:00". */
function untilTimeOfDay(time) {
  const [hours, minutes] = time.split(":").map(Number);
  const next = new Date();
  next.setHours(hours, minutes, 0, 0);
  if (next.getTime() <= Date.now()) next.setDate(next.getDate() + 1);
  return next.getTime() - Date.now();
}
