// One training on another thread, as the calling thread sees it: it starts the thread, sends the data,
// answers questions, calls the user's callbacks, and ends the thread.

import { isArrayLike, isRecord } from "../core/errors.ts";
import { closed, Pacer, runPaced } from "../core/event-loop.ts";
import type { Notices } from "../core/notices.ts";
import { snapshot } from "../data/checked-rows.ts";
import { checkRows } from "../data/rows.ts";
import { hasWorkers, type ProgramHandle, startProgram } from "../kernels/threads/start-worker.ts";
import {
  type CheckedBlock,
  type LabeledStream,
  type OpenBlocks,
  readStream,
} from "../training/datasets/streams/blocks.ts";
import type { History } from "../training/epochs.ts";
import type { FitOptions, HeldOutLabels } from "../training/fit-options.ts";
import type {
  FitDescription,
  FromWorker,
  ModelDescription,
  SentData,
  SentError,
  SentList,
} from "./messages.ts";
import { Sender } from "./send.ts";

/** What a training thread hands over. */
export interface Result {
  readonly history: History;
  readonly file: Uint8Array<ArrayBuffer>;
}

/** No thread could be started, and no data have been sent. The message says why. */
export class NotStarted extends Error {}

/** Stands in the place of the labels if they are in the blocks of a stream. */
export const STREAMED: unique symbol = Symbol("streamed");

/** Options of `fit` that hold one value per row. */
const LISTS = ["sampleWeight", "groups", "time"] as const;

/** Time to send data before giving way, in milliseconds. The last piece may take one more. */
const SLICE = 4;

/** Whatever can be listed, as `Sender.list` takes it. */
type Listed = ArrayLike<unknown> | Iterable<unknown>;

/** A training on another thread. */
export class Session {
  readonly #program: ProgramHandle;
  readonly #notices: Notices;
  readonly #result: Promise<Result>;
  #resolve!: (result: Result) => void;
  #reject!: (error: unknown) => void;
  /** Stops the sending of data as soon as something has gone wrong. */
  readonly #stop = new AbortController();
  readonly #pacer = new Pacer(this.#stop.signal, SLICE);
  readonly #checked: Promise<void>;
  #pass!: () => void;
  #hasStarted = false;
  #options: FitOptions = {};
  /** Number of lists that have been sent. */
  #lists = 0;
  #open: OpenBlocks | null = null;
  readonly #streams = new Map<number, AsyncGenerator<CheckedBlock, void, undefined>>();

  /**
   * Starts the thread.
   *
   * @param source The program of the thread; null: it is not known.
   * @param url Where the program is; undefined: it starts from `source`.
   * @param notices Where notices of the thread go.
   * @throws NotStarted if it cannot be started here.
   */
  constructor(source: string | null, url: string | URL | undefined, notices: Notices) {
    if (!hasWorkers()) throw new NotStarted("this platform has no workers");
    if (source === null && url === undefined)
      throw new NotStarted("the sources were bundled without the program of the training thread");
    this.#notices = notices;
    this.#result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = (error) => {
        reject(error);
        this.#stop.abort(error);
      };
    });
    void Promise.allSettled([this.#result]); // it may be rejected while data are being sent
    this.#checked = new Promise((resolve) => {
      this.#pass = resolve;
    });
    try {
      this.#program = startProgram({
        ...{ source: source ?? "", url, keepsAlive: true },
        onMessage: (message) => this.#receive(message as FromWorker),
        onEnd: () => this.#ended(),
      });
    } catch (error) {
      throw new NotStarted(`the worker did not start (${(error as Error).message})`);
    }
  }

  /**
   * Trains.
   *
   * @param model The options of the model.
   * @param x The rows, or a stream.
   * @param y The labels, or `STREAMED` for a stream.
   * @param options The options of `fit`.
   * @param transfer Whether typed arrays are handed over.
   * @returns The history and the file.
   * @throws What goes wrong; NotStarted if the thread does not start.
   */
  async run(
    model: ModelDescription,
    x: unknown,
    y: unknown,
    options: FitOptions,
    transfer: boolean,
  ): Promise<Result> {
    const { signal } = options;
    const abort = (): void => this.#reject(signal!.reason);
    this.#options = options;
    signal?.addEventListener("abort", abort);
    try {
      if (y === STREAMED) this.#open = readStream("fit: ", x as LabeledStream);
      this.#program.post({ type: "check", model, fit: describeFit(options, y === STREAMED) });
      await Promise.race([this.#checked, this.#result]);
      const sender = this.#sender(transfer);
      const data = await runPaced(sendData(sender, x, y, options), this.#pacer);
      this.#stop.signal.throwIfAborted();
      sender.post({ type: "fit", data });
      return await this.#result;
    } finally {
      signal?.removeEventListener("abort", abort);
      this.#program.end();
      await Promise.all([...this.#streams.values()].map((stream) => closed(stream.return())));
    }
  }

  #sender(handsOver: boolean): Sender {
    return new Sender(this.#program.post, handsOver, () => this.#lists++);
  }

  #receive(message: FromWorker): void {
    this.#hasStarted = true;
    if (message.type === "checked") this.#pass();
    else if (message.type === "failed") this.#reject(revive(message.error));
    else if (message.type === "done") this.#resolve({ history: message.history, file: message.file });
    else void this.#serve(message);
  }

  /** Does what the thread asks for. What code of the user throws ends the training. */
  async #serve(message: Exclude<FromWorker, { type: "checked" | "failed" | "done" }>): Promise<void> {
    try {
      if (message.type === "notice") this.#notices.tell(message.notice.kind, message.notice.message);
      else if (message.type === "onBatch") this.#options.onBatch!(message.event);
      else if (message.type === "onEpoch") await this.#epoch(message);
      else if (message.type === "next") await this.#next(message);
      else await this.#close(message.stream);
    } catch (error) {
      this.#reject(error);
    }
  }

  async #epoch({ id, event }: Extract<FromWorker, { type: "onEpoch" }>): Promise<void> {
    const goesOn = (await this.#options.onEpoch!(event)) !== false;
    this.#program.post({ type: "goOn", id, goesOn });
  }

  /** Sends the next block of a stream. Its arrays belong to whoever made the block, so they are copied. */
  async #next({ id, stream }: Extract<FromWorker, { type: "next" }>): Promise<void> {
    let blocks = this.#streams.get(stream);
    if (blocks === undefined) {
      blocks = this.#open!();
      this.#streams.set(stream, blocks);
    }
    const { done, value } = await this.#pacer.wait(blocks.next());
    if (done) {
      this.#streams.delete(stream);
      this.#program.post({ type: "end", id });
      return;
    }
    const sender = this.#sender(false);
    const x = await runPaced(sender.rows(value.x, `${value.place}x`), this.#pacer);
    const y = await runPaced(sender.list(value.y as Listed, `${value.place}y`), this.#pacer);
    sender.post({ type: "block", id, x, y });
  }

  async #close(stream: number): Promise<void> {
    const blocks = this.#streams.get(stream);
    this.#streams.delete(stream);
    await blocks?.return();
  }

  #ended(): void {
    if (!this.#hasStarted) this.#reject(new NotStarted("the worker did not start"));
    else this.#reject(new Error("fitInWorker: the training thread has ended before it was done"));
  }
}

/** Writes the options of `fit` without data and functions. Wrong values stay, so that `fit` refuses them. */
function describeFit(options: FitOptions, isStream: boolean): FitDescription {
  const { signal: _, ...plain }: Record<string, unknown> = { ...options };
  const callbacks = (["onEpoch", "onBatch"] as const).filter((name) => typeof plain[name] === "function");
  for (const name of callbacks) delete plain[name];
  for (const name of LISTS) if (isList(plain[name])) plain[name] = [];
  if (isRecord(plain.validation)) plain.validation = { ...plain.validation, x: [], y: [] };
  return { plain, callbacks, isStream };
}

/** Sends the data of a `fit`. Yields now and then. */
function* sendData(sender: Sender, x: unknown, y: unknown, options: FitOptions): Generator<void, SentData> {
  const rows = y === STREAMED ? null : snapshot(checkRows(x, "fit: x"));
  const lists: Record<string, SentList> = {};
  for (const name of LISTS) {
    const values: unknown = options[name];
    if (isList(values)) lists[name] = yield* sender.list(values, `fit: ${name}`);
  }
  const { validation } = options;
  return {
    lists,
    validation: isRecord(validation) ? yield* sendValidation(sender, validation as HeldOutLabels) : null,
    y: y === STREAMED ? null : yield* sender.list(y as Listed, "fit: y"),
    x: rows === null ? null : yield* sender.rows(rows, "fit: x"),
  };
}

function* sendValidation(
  sender: Sender,
  { x, y, groups }: HeldOutLabels,
): Generator<void, NonNullable<SentData["validation"]>> {
  const place = "fit: validation";
  return {
    groups: isList(groups) ? yield* sender.list(groups, `${place}.groups`) : groups,
    y: yield* sender.list(y, `${place}.y`),
    x: yield* sender.rows(snapshot(checkRows(x, `${place}.x`)), `${place}.x`),
  };
}

/** Says whether an option is a list, and not the name of a field. */
function isList(value: unknown): value is Listed {
  return typeof value !== "string" && isArrayLike(value);
}

/** Makes an error again that was thrown on the other thread. */
function revive({ name, message }: SentError): Error {
  const kinds: Readonly<Record<string, new (message: string) => Error>> = { TypeError, RangeError };
  return new (kinds[name] ?? Error)(message);
}
