// The options about threads.

import { checkInteger, wrongType } from "../../core/errors.ts";
import { countCores } from "./start-worker.ts";
import type { ThreadSettings } from "./threads.ts";

/** Options about threads. */
export interface ThreadOptions {
  /**
   * How many threads compute long work; "auto": one per processor core, at most 8. Every number gives the
   * same bits. Where threads cannot share memory, it is one, and so it is with the backend "js". Default: 1.
   */
  threads?: number | "auto" | undefined;
  /** Where `neural-fm/thread.js` is, for pages that may not run workers from text. Default: from text. */
  workerUrl?: string | URL | undefined;
}

/** Most threads that "auto" takes. */
const MOST_AUTOMATIC = 8;
/** Most threads of a model. A group of commands has a part for each. */
const MOST = 64;

/**
 * Checks the options `threads` and `workerUrl`.
 *
 * @param options The options as the user passed them.
 * @param place What errors start with.
 * @returns The number of threads and the program of a worker.
 * @throws TypeError or RangeError that names the option.
 */
export function readThreads({ threads = 1, workerUrl }: ThreadOptions, place: string): ThreadSettings {
  if (workerUrl !== undefined && typeof workerUrl !== "string" && !(workerUrl instanceof URL)) {
    throw wrongType(`${place}: workerUrl`, "a string or a URL", workerUrl);
  }
  if (threads === "auto") return { threads: Math.min(countCores(), MOST_AUTOMATIC), workerUrl };
  if (typeof threads !== "number") throw wrongType(`${place}: threads`, 'a number or "auto"', threads);
  return { threads: checkInteger(`${place}: threads`, threads, 1, MOST), workerUrl };
}
