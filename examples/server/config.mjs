// The settings of the service. Every one is an environment variable, and every one has a default.

import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Reads the settings.
 *
 * @param {Record<string, string | undefined>} env The environment.
 * @throws {RangeError} If a value is not allowed; the message names the variable.
 */
export function readConfig(env) {
  const number = (name, fallback, least, most = Number.MAX_SAFE_INTEGER) => {
    const value = env[name] === undefined || env[name] === "" ? fallback : Number(env[name]);
    if (value >= least && value <= most) return value;
    throw new RangeError(`${name} must be a number from ${least} to ${most}, got "${env[name]}"`);
  };
  const choice = (name, fallback, allowed) => {
    const value = env[name] || fallback;
    if (allowed.includes(value)) return value;
    throw new RangeError(`${name} must be one of ${allowed.join(", ")}, got "${value}"`);
  };
  const trainAt = env.TRAIN_AT || null;
  if (trainAt !== null && !/^([01]\d|2[0-3]):[0-5]\d$/.test(trainAt))
    throw new RangeError(`TRAIN_AT must be a time of day such as 03:00, got "${trainAt}"`);
  return {
    host: env.HOST || "127.0.0.1",
    port: number("PORT", 3000, 0, 65_535),
    /** Folder of the catalog, the events and the models. */
    folder: env.DATA || join(fileURLToPath(new URL(".", import.meta.url)), "data"),
    logLevel: choice("LOG_LEVEL", "info", ["silent", "error", "warn", "info", "debug"]),
    /** Largest body of a request, in bytes. */
    bodyLimit: number("BODY_LIMIT", 262_144, 1),
    /** Whether lists can have reasons. They need the whole library and one more copy of the model. */
    reasons: choice("REASONS", "1", ["0", "1"]) === "1",
    /** Seconds between two trainings, 0: none. TRAIN_AT is the other way: a local time of day. */
    trainEvery: number("TRAIN_EVERY", 0, 0, 2_000_000),
    trainAt,
    /** "update" learns the new events. "fit" starts afresh and learns all events. */
    trainMode: choice("TRAIN_MODE", "update", ["update", "fit"]),
    /**
     * How far a training stands back, from 0 (not at all) to 19. At 19 it gets what the others leave, which
     * is next to nothing on a machine that is always busy.
     */
    trainNice: number("TRAIN_NICE", 19, 0, 19),
    /** Seconds after which a training is stopped. */
    trainTimeout: number("TRAIN_TIMEOUT", 3600, 1, 2_000_000),
    /** Whoever knows the token may start a training. Without it, only programs of this machine may. */
    trainToken: env.TRAIN_TOKEN || null,
    /** The latest events, on which the old and the new model are compared. */
    heldOut: number("HELD_OUT", 500, 1),
    /** By how much ndcg@10 may fall before the new model is rejected. */
    tolerance: number("TOLERANCE", 0.03, 0, 1),
    /** Milliseconds between SIGTERM and the end of the listening socket. */
    drain: number("DRAIN", 1000, 0, 600_000),
    /** Milliseconds after SIGTERM at which the process ends in any case, then with exit code 1. */
    shutdownLimit: number("SHUTDOWN_LIMIT", 10_000, 1, 600_000),
  };
}
