// The program of the training thread. It makes the model from its description, collects the data, calls
// `NFM.fit` and hands the file of the trained model over. tsup bundles it into the text that `fitInWorker`
// starts. Messages are handled one after the other.

import { NFM } from "../nfm.ts";
import type { LabeledBlock } from "../training/datasets/streams/blocks.ts";
import { type FitOptions, readFitOptions } from "../training/fit-options.ts";
import { readDescription } from "./describe-model.ts";
import type {
  Answer,
  FitDescription,
  FromWorker,
  ModelDescription,
  Question,
  SentData,
  SentList,
  ToWorker,
} from "./messages.ts";
import { Receiver } from "./receive.ts";

/** The other thread. */
export interface Peer {
  /** Sends a message. The buffers in `transfer` are handed over. */
  post(message: FromWorker, transfer?: readonly ArrayBuffer[]): void;
}

/** What a training thread does. */
export class TrainingThread {
  readonly #peer: Peer;
  readonly #received = new Receiver();
  #model: NFM | null = null;
  #options: FitOptions = {};
  /** Takes the answers to the questions that are open, by their numbers. */
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #questions = 0;
  #streams = 0;

  /** @param peer The other thread. */
  constructor(peer: Peer) {
    this.#peer = peer;
  }

  /**
   * Handles a message.
   *
   * @param message The message.
   */
  receive(message: ToWorker): void {
    const { type } = message;
    if (type === "part") this.#received.add(message.list, message.values);
    else if (type === "check") void this.#try(async () => this.#check(message.model, message.fit));
    else if (type === "fit") void this.#try(() => this.#fit(message.data));
    else this.#waiting.get(message.id)!(message);
  }

  /** Reports what goes wrong. */
  async #try(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const { name, message } = error instanceof Error ? error : new Error(String(error));
      this.#peer.post({ type: "failed", error: { name, message } });
    }
  }

  /** Checks all options, before any data are sent. */
  #check(description: ModelDescription, { plain, callbacks, isStream }: FitDescription): void {
    const peer = this.#peer;
    this.#model = new NFM({
      ...readDescription(description),
      onNotice: (notice) => peer.post({ type: "notice", notice }),
    });
    const options: FitOptions = { ...plain };
    if (callbacks.includes("onBatch")) options.onBatch = (event) => peer.post({ type: "onBatch", event });
    if (callbacks.includes("onEpoch")) {
      options.onEpoch = async (event) => {
        const answer = await this.#ask({ type: "onEpoch", event });
        return answer.type === "goOn" && answer.goesOn;
      };
    }
    readFitOptions("fit", options, isStream);
    this.#options = options;
    peer.post({ type: "checked" });
  }

  async #fit({ x, y, lists, validation }: SentData): Promise<void> {
    const received = this.#received;
    const model = this.#model!;
    const options: Record<string, unknown> = { ...this.#options };
    for (const [name, list] of Object.entries(lists)) options[name] = received.list(list);
    if (validation !== null) {
      options.validation = {
        x: received.rows(validation.x),
        y: received.list(validation.y),
        ...(validation.groups === undefined ? {} : { groups: idsOf(validation.groups, received) }),
      };
    }
    const history =
      x === null
        ? await model.fit({ [Symbol.asyncIterator]: () => this.#blocks() }, options)
        : await model.fit(received.rows(x) as object[], received.list(y!) as number[], options);
    const file = model.save() as Uint8Array<ArrayBuffer>;
    model.close();
    this.#peer.post({ type: "done", file, history }, [file.buffer]);
  }

  /** Reads the stream of the other thread from its start. */
  async *#blocks(): AsyncGenerator<LabeledBlock, void, undefined> {
    const stream = this.#streams++;
    let isOpen = true;
    try {
      for (;;) {
        const answer = await this.#ask({ type: "next", stream });
        if (answer.type !== "block") break;
        const y = this.#received.list(answer.y) as ArrayLike<number>;
        yield { x: this.#received.rows(answer.x), y };
      }
      isOpen = false;
    } finally {
      if (isOpen) this.#peer.post({ type: "close", stream });
    }
  }

  /** Asks the other thread. */
  #ask(question: Question): Promise<Answer> {
    const id = this.#questions++;
    return new Promise((resolve) => {
      this.#waiting.set(id, (answer) => {
        this.#waiting.delete(id);
        resolve(answer);
      });
      this.#peer.post({ ...question, id });
    });
  }
}

function idsOf(groups: string | SentList, received: Receiver): string | ArrayLike<string> {
  return typeof groups === "string" ? groups : (received.list(groups) as ArrayLike<string>);
}
