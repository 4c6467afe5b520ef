// Trains a model on another thread: `NFM.fit` with messages in between. The options are checked before any
// data are sent. Without workers it trains on the calling thread.

import { checkBoolean, checkSignal, wrongType } from "../core/errors.ts";
import { Pacer } from "../core/event-loop.ts";
import { readNotices } from "../core/notices.ts";
import type { FeatureRow } from "../data/feature-map.ts";
import type { Labels } from "../data/labels.ts";
import type { RowsOf } from "../data/rows.ts";
import { Predictor } from "../predictor.ts";
import { isStreamAlone, type LabeledStream } from "../training/datasets/streams/blocks.ts";
import type { History } from "../training/epochs.ts";
import type { FitOptions, FitStreamOptions } from "../training/fit-options.ts";
import type { NFMOptions } from "../training/options.ts";
import { describeModel } from "./describe-model.ts";
import { NotStarted, type Result, Session, STREAMED } from "./session.ts";
import { TRAINING_SOURCE } from "./source.ts";

/** Options of `fitInWorker` that `NFM.fit` does not have. */
export interface WorkerOptions {
  /**
   * Whether typed arrays are handed over to the training thread, which takes no time. They are empty after
   * the call, whether it succeeds or not, and so is a `CSRMatrix`. With false they are copied, piece by
   * piece. Arrays on shared memory, parts of larger buffers, and blocks of streams are never handed over.
   * Default: true.
   */
  transfer?: boolean | undefined;
  /**
   * Where the program of the training thread is, for pages whose policy forbids workers from text: the
   * address of a copy of `neural-fm/training-thread.js`. Default: from text.
   */
  workerUrl?: string | URL | undefined;
}

/** What `fitInWorker` returns. */
export interface TrainedInWorker {
  /** The trained model. */
  readonly model: Predictor;
  /** The history of the training. */
  readonly history: History;
  /** The model file: `NFM.load` reads it to train further, and `Predictor.load` to predict elsewhere. */
  readonly file: Uint8Array<ArrayBuffer>;
}

/** Bytes of a piece of the file that is read at once. */
const PIECE = 2 ** 18;

/**
 * Trains a model as `NFM.fit` does, on another thread. The calling thread stays free: it sends the data in
 * pieces and gives way to its event loop between them. The model has the same bits as with `NFM.fit`. Where
 * no worker can start, it trains on the calling thread, with the notice "no-worker".
 *
 * @param options Options of `new NFM`. Layers, losses and optimizers of your own cannot be sent.
 * @param x Rows, (rows), as for `NFM.fit`. Typed arrays are handed over, see `transfer`.
 * @param y Labels, (rows), as for `NFM.fit`.
 * @param fitOptions Options of `NFM.fit`, and `WorkerOptions`. Callbacks and the signal work as there.
 * @returns The model, its file and the history.
 * @throws TypeError, RangeError or Error as `new NFM` and `fit`; TypeError for what cannot be sent; Error if
 *   the thread dies. What a callback throws ends the training and is passed on.
 * @example
 * const { model } = await fitInWorker({ embeddingDim: 16 }, rows, labels, { epochs: 5 });
 */
export async function fitInWorker<T extends object & FeatureRow<T>>(
  options: NFMOptions,
  x: RowsOf<T>,
  y: Labels,
  fitOptions?: FitOptions & WorkerOptions,
): Promise<TrainedInWorker>;
/**
 * Trains a model on a stream, as `NFM.fit` does, on another thread. The calling thread reads the stream and
 * sends its blocks.
 *
 * @param options Options of `new NFM`.
 * @param stream The rows, as for `NFM.fit`.
 * @param fitOptions Options of `NFM.fit` for streams, and `WorkerOptions`.
 * @returns The model, its file and the history.
 * @throws As for rows in memory, and what reading throws.
 */
export async function fitInWorker(
  options: NFMOptions,
  stream: LabeledStream,
  fitOptions?: FitStreamOptions & WorkerOptions,
): Promise<TrainedInWorker>;
export async function fitInWorker(
  options: NFMOptions,
  x: unknown,
  y?: unknown,
  given?: FitOptions & WorkerOptions,
): Promise<TrainedInWorker> {
  if (typeof options !== "object" || options === null)
    throw wrongType("fitInWorker: options", "the options of new NFM", options);
  const isStreamed = isStreamAlone(x, y);
  const labels = isStreamed ? STREAMED : y;
  const {
    transfer = true,
    workerUrl,
    ...fitOptions
  } = ((isStreamed ? y : given) ?? {}) as FitOptions & WorkerOptions;
  checkBoolean("fitInWorker: transfer", transfer);
  checkSignal("fit: signal", fitOptions.signal);
  const model = describeModel(options);
  const notices = readNotices(options, "NFM");
  fitOptions.signal?.throwIfAborted();
  let result: Result;
  try {
    const session = new Session(TRAINING_SOURCE, workerUrl, notices);
    result = await session.run(model, x, labels, fitOptions, transfer);
  } catch (error) {
    if (!(error instanceof NotStarted)) throw error;
    const { message } = error;
    notices.tell("no-worker", `fitInWorker: training runs on the calling thread, because ${message}`);
    result = await fitHere(options, x, labels, fitOptions);
  }
  const { backend, onNotice, notices: hasNotices } = options;
  const predictor = await Predictor.loadStream(pieces(result.file), {
    backend,
    onNotice,
    notices: hasNotices,
  });
  return { model: predictor, ...result };
}

/** Trains on the calling thread. The code for training is loaded only now. */
async function fitHere(options: NFMOptions, x: unknown, y: unknown, fitOptions: FitOptions): Promise<Result> {
  const { NFM } = await import("../nfm.ts");
  const model = new NFM(options);
  const history =
    y === STREAMED
      ? await model.fit(x as LabeledStream, fitOptions as FitStreamOptions)
      : await model.fit(x as object[], y as Labels, fitOptions);
  const file = model.save() as Uint8Array<ArrayBuffer>;
  model.close();
  return { history, file };
}

/** The file in pieces, with turns of the event loop in between. */
async function* pieces(file: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  const pacer = new Pacer();
  for (let start = 0; start < file.length; start += PIECE) {
    yield file.subarray(start, start + PIECE);
    if (pacer.due) await pacer.rest();
  }
}
