// The training data of a stream: every epoch reads the rows again, encodes them, and collects them in
// windows. Within a window the rows are shuffled. While one window is trained on, the next one is read. Two
// windows are all that is kept.

import { closed, type Pacer, runPaced } from "../../../core/event-loop.ts";
import { CSRBuilder, grown } from "../../../data/csr-builder.ts";
import type { Classes } from "../../../data/labels.ts";
import { type FeatureSpace, readRowsInto } from "../../../data/rows.ts";
import type { SparseRows } from "../../../data/sparse-row.ts";
import type { PointwiseLoss } from "../../../losses.ts";
import { type LabelUnit, targetsIn } from "../../../model/label-unit.ts";
import type { Dataset, StreamedDataset } from "../../dataset.ts";
import type { BatchSize } from "../../pass.ts";
import { FixedRows } from "../example-rows.ts";
import { readTargets } from "../labeled-rows.ts";
import { RowDataset } from "../row-dataset.ts";
import { type OpenBlocks, otherRows } from "./blocks.ts";

/** A window ends early when it has so many entries: 64 MiB of indices and values. */
const MOST_ENTRIES = 2 ** 23;

/** What is read in every epoch. */
export interface StreamedRowsPlan {
  /** What errors start with, such as "fit: ". */
  readonly place: string;
  readonly open: OpenBlocks;
  /** Number of rows, those that are held out included. */
  readonly rows: number;
  /** Number of rows that are trained on. */
  readonly size: number;
  /** Says whether a row is held out, by its number. */
  readonly isHeldOut: (row: number) => boolean;
  readonly classes: Classes | null;
  readonly loss: PointwiseLoss;
  /** Rows of a window, at least 1. */
  readonly window: number;
  readonly space: FeatureSpace;
  readonly unit: LabelUnit | null;
}

/** Rows of a stream, under a pointwise loss. */
export class StreamedRows implements StreamedDataset {
  readonly size: number;
  readonly numFeatures: number;
  readonly skipped = 0;
  readonly #plan: StreamedRowsPlan;
  /** The memory of the windows, which all epochs use. */
  readonly #windows: readonly [Window, Window] = [new Window(), new Window()];

  /** @param plan What is read. */
  constructor(plan: StreamedRowsPlan) {
    this.size = plan.size;
    this.numFeatures = plan.space.numFeatures!;
    this.#plan = plan;
  }

  /** The entries are not known yet: the first batches make more room. */
  usualSize(count: number): BatchSize {
    return { rows: count, entries: count };
  }

  async *open(batchSize: number, pacer: Pacer): AsyncGenerator<Dataset, void, undefined> {
    const reading = { isOver: false };
    const windows = this.#fill(batchSize, pacer, reading);
    let next = windows.next();
    next.catch(() => {}); // the error is met when this window is asked for
    try {
      for (;;) {
        const { done, value } = await pacer.wait(next);
        if (done) return;
        next = windows.next();
        next.catch(() => {});
        yield value;
      }
    } finally {
      reading.isOver = true;
      await closed(windows.return());
    }
  }

  /** Reads the windows of an epoch. Each is valid until the next but one is asked for. */
  async *#fill(
    batchSize: number,
    pacer: Pacer,
    reading: { readonly isOver: boolean },
  ): AsyncGenerator<Dataset, void, undefined> {
    const { place, open, rows, isHeldOut, classes, loss, window, space, unit } = this.#plan;
    const capacity = Math.max(1, Math.floor(window / batchSize)) * batchSize;
    let [filling, other] = this.#windows;
    filling.clear();
    other.clear();
    const builder = new CSRBuilder();
    let first = 0;
    for await (const block of open()) {
      if (reading.isOver) return;
      const { targets } = readTargets(`${block.place}y`, loss, block.y, block.rows, classes);
      const x = await runPaced(readRowsInto(builder, block.x, space, `${block.place}x`), pacer);
      const labels = targetsIn(unit, targets);
      if (first + block.rows > rows) throw otherRows(place, `at least ${first + block.rows}`, rows);
      for (let row = 0; row < block.rows; row++) {
        if (isHeldOut(first + row)) continue;
        filling.add(x, row, labels[row]);
        const isFull = filling.rows === capacity;
        if (!isFull && !(filling.entries >= MOST_ENTRIES && filling.rows % batchSize === 0)) continue;
        yield filling.dataset(loss, this.numFeatures, unit);
        [filling, other] = [other, filling];
        filling.clear();
      }
      first += block.rows;
      if (pacer.due) await pacer.rest();
    }
    if (first < rows) throw otherRows(place, String(first), rows);
    if (filling.rows > 0) yield filling.dataset(loss, this.numFeatures, unit);
  }
}

/** Collects encoded rows with their targets. */
class Window {
  rows = 0;
  entries = 0;
  #indptr = new Uint32Array(1025);
  #indices = new Uint32Array(8192);
  /** Null as long as all values are ones. */
  #values: Float32Array | null = null;
  #targets = new Float32Array(1024);

  clear(): void {
    this.rows = 0;
    this.entries = 0;
    this.#values = null;
  }

  /** Copies a row to the end. */
  add({ indptr, indices, values }: SparseRows, row: number, target: number): void {
    const [start, end] = [indptr[row], indptr[row + 1]];
    let to = this.entries;
    while (to + end - start > this.#indices.length) this.#growEntries();
    if (values !== null) this.#values ??= new Float32Array(this.#indices.length).fill(1, 0, to);
    for (let p = start; p < end; p++, to++) {
      this.#indices[to] = indices[p];
      if (this.#values !== null) this.#values[to] = values === null ? 1 : values[p];
    }
    if (this.rows === this.#targets.length) {
      this.#targets = grown(this.#targets);
      const indptr = new Uint32Array(this.#targets.length + 1);
      indptr.set(this.#indptr);
      this.#indptr = indptr;
    }
    this.#targets[this.rows++] = target;
    this.#indptr[this.rows] = to;
    this.entries = to;
  }

  #growEntries(): void {
    this.#indices = grown(this.#indices);
    if (this.#values !== null) this.#values = grown(this.#values);
  }

  /** The rows as a dataset, which shares the memory of the window. */
  dataset(loss: PointwiseLoss, numFeatures: number, unit: LabelUnit | null): Dataset {
    const { rows } = this;
    const x: SparseRows = {
      rows,
      cols: numFeatures,
      indptr: this.#indptr,
      indices: this.#indices,
      values: this.#values,
    };
    return new RowDataset(loss, new FixedRows(x), this.#targets.subarray(0, rows), null, 0, unit?.scale);
  }
}
