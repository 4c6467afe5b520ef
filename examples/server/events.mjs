// The log of events: one JSON object per line, appended only. It also knows what each user took last, so that
// an event counts for the next list of its user, long before a training has seen it.

import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";

/** How many items of a user are kept. The model uses as many: the option `last` of `history`. */
const LAST = 10;

/** Of how many users. When there are more, the users whose latest event is the oldest are dropped. */
const USERS = 100_000;

/** What each user took last. */
export class RecentItems {
  /** @type {Map<string, string[]>} The user with the latest event comes last. */
  #items = new Map();

  /** Adds an event. An item that a user takes twice counts once, at its latest time. */
  add({ user, product }) {
    const before = this.#items.get(user) ?? [];
    this.#items.delete(user);
    this.#items.set(user, [...before.filter((item) => item !== product), product].slice(-LAST));
    if (this.#items.size > USERS) this.#items.delete(this.#items.keys().next().value);
  }

  /** Returns the ids of the items, the oldest first; undefined for an unknown user. */
  of(user) {
    return user === null ? undefined : this.#items.get(user);
  }
}

/**
 * Reads events. A line that is no event is skipped.
 *
 * @param {string} path
 * @param {number} end Position behind the last byte to read.
 * @returns The events, each with the position `at` of its line, and the number of skipped lines.
 */
export async function readEvents(path, end) {
  const events = [];
  let [skipped, at, rest] = [0, 0, Buffer.alloc(0)];
  if (end > 0) {
    for await (const chunk of createReadStream(path, { end: end - 1 })) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let start = 0;
      for (let stop = bytes.indexOf(10); stop >= 0; stop = bytes.indexOf(10, start)) {
        const event = parseEvent(bytes.toString("utf8", start, stop));
        if (event === null) skipped++;
        else events.push({ ...event, at });
        at += stop + 1 - start;
        start = stop + 1;
      }
      rest = bytes.subarray(start);
    }
  }
  return { events, skipped };
}

function parseEvent(line) {
  try {
    const { user, country = null, product, time } = JSON.parse(line);
    const isEvent = typeof user === "string" && typeof product === "string" && Number.isFinite(time);
    return isEvent ? { user, country, product, time } : null;
  } catch {
    return null;
  }
}

/** Appends events to the log. */
export class EventLog {
  recent = new RecentItems();
  /** Number of bytes of the log. All of them are complete lines. */
  size = 0;
  #file;
  #waiting = [];
  #writing = null;

  /**
   * Opens the log, or makes an empty one. If the process was killed while it wrote, the last line may be
   * incomplete. It is then cut off: its sender never got an answer.
   *
   * @param {string} path
   */
  static async open(path) {
    const log = new EventLog();
    log.path = path;
    log.#file = await open(path, "a+");
    const { size } = await log.#file.stat();
    log.size = await endOfLastLine(log.#file, size);
    if (log.size < size) await log.#file.truncate(log.size);
    const { events, skipped } = await readEvents(path, log.size);
    for (const event of events) log.recent.add(event);
    return { log, cutOff: size - log.size, skipped, events: events.length };
  }

  /**
   * Appends events. Calls that come while a write is under way share the next one.
   *
   * @param {{ user: string, country: string | null, product: string, time: number }[]} events
   * @returns {Promise<void>} Resolves when the operating system has the events.
   */
  append(events) {
    return new Promise((resolve, reject) => {
      const lines = events.map((event) => `${JSON.stringify(event)}\n`).join("");
      this.#waiting.push({ events, lines, resolve, reject });
      this.#writing ??= this.#write();
    });
  }

  async #write() {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0);
      try {
        const bytes = Buffer.from(batch.map(({ lines }) => lines).join(""));
        await this.#file.appendFile(bytes);
        this.size += bytes.length;
        for (const { events, resolve } of batch) {
          for (const event of events) this.recent.add(event);
          resolve();
        }
      } catch (error) {
        // The disk may be full. A part of the lines that was written must not stay in the log.
        await this.#file.truncate(this.size).catch(() => {});
        for (const { reject } of batch) reject(error);
      }
    }
    this.#writing = null;
  }

  /** Waits until the disk has everything. */
  async sync() {
    await this.#writing;
    await this.#file.datasync();
  }

  async close() {
    await this.sync();
    await this.#file.close();
  }
}

/** Finds the position behind the last line feed. */
async function endOfLastLine(file, size) {
  const block = Buffer.alloc(65_536);
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - block.length);
    const { bytesRead } = await file.read(block, 0, end - start, start);
    const found = block.subarray(0, bytesRead).lastIndexOf(10);
    if (found >= 0) return start + found + 1;
    end = start;
  }
  return 0;
}
