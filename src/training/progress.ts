// Shows the progress of training. A terminal shows a bar with examples per second, time left, loss and
// validation; elsewhere each epoch writes one line. The output goes to stderr, so that it never mixes with
// what a program prints, or to the console where there is no stderr.

/** The result of one epoch. */
export interface EpochRecord {
  /** Number of the epoch. It is 1 for the first epoch of a model and counts on when training resumes. */
  readonly epoch: number;
  /** Mean training loss over the epoch. The loss of each batch is measured before its step. */
  readonly loss: number;
  /** Validation loss and metrics by name, as the last check of the epoch measured them; null without one. */
  readonly validation: Readonly<Record<string, number>> | null;
  /** Wall-clock time of the epoch in seconds, validation included. */
  readonly seconds: number;
}

/** The part of Node's `process.stderr` that is used here. */
interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Width of the bar in characters. */
const BAR_WIDTH = 20;
/** Least time between two drawings of the bar, in milliseconds. */
const REDRAW_MS = 100;

/** Reports the progress of one fit. */
export class Progress {
  readonly #epochs: number;
  readonly #examples: number;
  /** What lines start with. */
  readonly #name: string;
  /** What stands in front of the time left. */
  readonly #bound: string;
  readonly #stderr: Terminal | null;
  readonly #started = performance.now();
  #done = 0;
  #drawn = 0;
  /** What the last check measured. */
  #measured: Readonly<Record<string, number>> = {};

  /**
   * Starts the clock.
   *
   * @param limits.epochs Largest number of epochs.
   * @param limits.patience Number of checks without improvement after which training stops; Infinity: never.
   * @param examples Number of examples per epoch.
   * @param isRefit Whether this is the training on all rows that `refit` asks for.
   */
  constructor(limits: { epochs: number; patience: number }, examples: number, isRefit: boolean) {
    this.#epochs = limits.epochs;
    this.#examples = examples;
    this.#name = isRefit ? "refit epoch" : "epoch";
    this.#bound = limits.patience === Infinity ? "" : "at most ";
    const { process } = globalThis as { process?: { stderr?: Terminal } };
    this.#stderr = process?.stderr ?? null;
  }

  /**
   * Draws the bar after a batch, if the output is a terminal.
   *
   * @param seen Examples of the running epoch that are done.
   * @param loss Mean loss of the running epoch so far.
   */
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
    const line =
      `${this.#name} ${this.#done + 1}/${this.#epochs} ${bar} ${formatCount(rate)} rows/s, ` +
      `${this.#bound}${formatTime(left)} left, loss ${format(loss)}${this.#validation()}`;
    terminal.write(`\r${line.slice(0, (terminal.columns ?? 120) - 1)}\x1b[K`);
  }

  /**
   * Takes in what a check measured. It is shown from the next drawing on.
   *
   * @param measured Validation loss and metrics by name.
   */
  check(measured: Readonly<Record<string, number>>): void {
    this.#measured = measured;
  }

  /**
   * Writes the line of a finished epoch.
   *
   * @param record The result of the epoch.
   */
  epoch(record: EpochRecord): void {
    this.#done++;
    const line =
      `${this.#name} ${this.#done}/${this.#epochs}  loss ${format(record.loss)}${this.#validation()}  ` +
      `${record.seconds.toFixed(2)} s`;
    if (this.#stderr === null) console.log(line);
    else this.#stderr.write(this.#stderr.isTTY ? `\r${line}\x1b[K\n` : `${line}\n`);
  }

  /** What the last check measured, as the end of a line. */
  #validation(): string {
    const entries = Object.entries(this.#measured);
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
