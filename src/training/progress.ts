// How far training is: a bar on a terminal (examples per second, time left, loss, validation), a line per
// epoch elsewhere; on stderr where there is one, so that it never mixes with what a program prints.

/** What an epoch ended with. */
export interface EpochRecord {
  /** 1 for the first epoch of the model's life. */
  readonly epoch: number;
  /** Mean training loss over the epoch, as it was before each step. */
  readonly loss: number;
  /** Validation loss and metrics by name; null without validation. */
  readonly validation: Readonly<Record<string, number>> | null;
  /** Wall-clock time, validation included. */
  readonly seconds: number;
}

interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const BAR_WIDTH = 20;
const REDRAW_MS = 100;

/** Reports the progress of one fit. */
export class Progress {
  readonly #epochs: number;
  readonly #examples: number;
  readonly #stderr: Terminal | null;
  readonly #started = performance.now();
  #done = 0;
  #drawn = 0;
  #last: EpochRecord | null = null;

  /** @param epochs Epochs planned. @param examples Examples per epoch. */
  constructor(epochs: number, examples: number) {
    this.#epochs = epochs;
    this.#examples = examples;
    const { process } = globalThis as { process?: { stderr?: Terminal } };
    this.#stderr = process?.stderr ?? null;
  }

  /** After a batch: `seen` examples of the running epoch are done, at this mean loss so far. */
  batch(seen: number, loss: number): void {
    const terminal = this.#stderr;
    if (!terminal?.isTTY || performance.now() - this.#drawn < REDRAW_MS) return;
    this.#drawn = performance.now();
    const seconds = (this.#drawn - this.#started) / 1000;
    const finished = this.#done * this.#examples + seen;
    const rate = finished / seconds;
    const left = (this.#epochs * this.#examples - finished) / rate;
    const filled = Math.round((seen / this.#examples) * BAR_WIDTH);
    const bar = "█".repeat(filled) + "░".repeat(BAR_WIDTH - filled);
    const line = `epoch ${this.#done + 1}/${this.#epochs} ${bar} ${formatCount(rate)} rows/s, ${formatTime(left)} left, loss ${format(loss)}${this.#validation()}`;
    terminal.write(`\r${line.slice(0, (terminal.columns ?? 120) - 1)}\x1b[K`);
  }

  /** After an epoch. */
  epoch(record: EpochRecord): void {
    this.#done++;
    this.#last = record;
    const line = `epoch ${this.#done}/${this.#epochs}  loss ${format(record.loss)}${this.#validation()}  ${record.seconds.toFixed(2)} s`;
    if (this.#stderr === null) console.log(line);
    else this.#stderr.write(this.#stderr.isTTY ? `\r${line}\x1b[K\n` : `${line}\n`);
  }

  #validation(): string {
    const entries = Object.entries(this.#last?.validation ?? {});
    return entries
      .map(([name, value]) => `, validation ${name} ${format(value)}`)
      .join("")
      .replace(/, validation (?!loss)/g, ", ");
  }
}

function format(value: number): string {
  return value.toPrecision(4);
}

function formatCount(rate: number): string {
  return rate >= 1e6
    ? `${(rate / 1e6).toFixed(1)}M`
    : rate >= 1e4
      ? `${(rate / 1e3).toFixed(0)}k`
      : rate.toFixed(0);
}

function formatTime(seconds: number): string {
  return seconds >= 90
    ? `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`
    : `${seconds.toFixed(0)} s`;
}
