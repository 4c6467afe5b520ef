// Draws charts as SVG: a frame with two axes, and marks inside it. Colors and sizes of text come from the
// style sheet of the page, so one chart serves light and dark, desk and phone. Charts hold no text of data.

import { escapeHTML } from "./html.ts";
import type { Scale } from "./scale.ts";

/** One axis of a chart. */
export interface Axis {
  /** Where values lie. */
  readonly scale: Scale;
  /** What the axis shows. */
  readonly title: string;
}

/** A chart. */
export interface Chart {
  /** An id that no other chart of the page has. */
  readonly id: string;
  /** Its name, for screen readers. */
  readonly title: string;
  /** What can be seen, in a sentence, for screen readers. */
  readonly description: string;
  readonly x: Axis;
  readonly y: Axis;
  /** Marks as SVG, the ones in the back first. */
  readonly marks: readonly string[];
}

/** A point in units of the axes. */
export type Point = readonly [x: number, y: number];

// In units of the view box. The margins leave room for the larger text of phones.
const WIDTH = 420;
const HEIGHT = 296;
const LEFT = 62;
const RIGHT = 14;
const TOP = 12;
const BOTTOM = 54;
const PLOT_WIDTH = WIDTH - LEFT - RIGHT;
const PLOT_HEIGHT = HEIGHT - TOP - BOTTOM;

/** Rounds a coordinate to what can be seen. */
function round(coordinate: number): string {
  return String(Math.round(coordinate * 10) / 10);
}

/** Places marks on two axes. */
export class Pen {
  readonly #x: Scale;
  readonly #y: Scale;

  /**
   * @param x The horizontal axis.
   * @param y The vertical axis.
   */
  constructor(x: Scale, y: Scale) {
    this.#x = x;
    this.#y = y;
  }

  #at([x, y]: Point): string {
    return `${round(LEFT + this.#x.at(x) * PLOT_WIDTH)} ${round(TOP + (1 - this.#y.at(y)) * PLOT_HEIGHT)}`;
  }

  /** Whether both coordinates lie within the axes. */
  shows([x, y]: Point): boolean {
    return x >= this.#x.low && x <= this.#x.high && y >= this.#y.low && y <= this.#y.high;
  }

  /** Draws a line. It is interrupted where a coordinate is not finite. */
  line(points: readonly Point[], style: string): string {
    let path = "";
    let isOpen = false;
    for (const point of points) {
      const isDrawn = Number.isFinite(point[0]) && Number.isFinite(point[1]);
      if (isDrawn) path += `${isOpen ? "L" : "M"}${this.#at(point)}`;
      isOpen = isDrawn;
    }
    return path === "" ? "" : `<path class="${style}" d="${path}"/>`;
  }

  /** Fills the space between two lines with common x. */
  band(lower: readonly Point[], upper: readonly Point[], style: string): string {
    const around = [...lower, ...[...upper].reverse()].map((point) => this.#at(point));
    return around.length === 0 ? "" : `<path class="${style}" d="M${around.join("L")}Z"/>`;
  }

  /** Draws dots. Those with a coordinate that is not finite are left out. `tips` are shown on hover. */
  dots(points: readonly Point[], style: string, radius: number, tips?: readonly string[]): string {
    return points
      .map((point, i) => {
        if (!Number.isFinite(point[0]) || !Number.isFinite(point[1])) return "";
        const [x, y] = this.#at(point).split(" ");
        const tip = tips === undefined ? "/>" : `><title>${escapeHTML(tips[i])}</title></circle>`;
        return `<circle class="${style}" cx="${x}" cy="${y}" r="${radius}"${tip}`;
      })
      .join("");
  }

  /**
   * Draws many dots that may cover each other. They are spread over several paths, because dots add up their
   * opacity between paths only.
   */
  cloud(points: readonly Point[], style: string): string {
    const paths = Array.from({ length: Math.min(8, points.length) }, () => "");
    points.forEach((point, i) => (paths[i % paths.length] += `M${this.#at(point)}h0`));
    return paths.map((d) => `<path class="${style}" d="${d}"/>`).join("");
  }

  /** Draws a vertical bar from 0 to a height. */
  bar(from: number, to: number, height: number, style: string, tip: string): string {
    const [left, top] = this.#at([from, height]).split(" ").map(Number);
    const [right, bottom] = this.#at([to, 0]).split(" ").map(Number);
    if (bottom - top <= 0) return "";
    const size = `width="${round(Math.max(0.5, right - left - 1))}" height="${round(bottom - top)}"`;
    const place = `x="${round(left + 0.5)}" y="${round(top)}" ${size}`;
    return `<rect class="${style}" ${place}><title>${escapeHTML(tip)}</title></rect>`;
  }
}

/**
 * Draws a chart.
 *
 * @param chart The chart. Its marks come from a `Pen` with the same scales.
 * @returns An `<svg>` element.
 */
export function draw({ id, title, description, x, y, marks }: Chart): string {
  const [right, bottom] = [LEFT + PLOT_WIDTH, TOP + PLOT_HEIGHT];
  const grid: string[] = [];
  const labels: string[] = [];
  y.scale.ticks.forEach((tick, i) => {
    const at = round(TOP + (1 - y.scale.at(tick)) * PLOT_HEIGHT);
    grid.push(`<path class="grid" d="M${LEFT} ${at}H${right}"/>`);
    labels.push(
      `<text class="tick" x="${LEFT - 7}" y="${at}" dy=".34em" text-anchor="end">${y.scale.labels[i]}</text>`,
    );
  });
  x.scale.ticks.forEach((tick, i) => {
    const at = round(LEFT + x.scale.at(tick) * PLOT_WIDTH);
    grid.push(`<path class="axis" d="M${at} ${bottom}v4"/>`);
    labels.push(
      `<text class="tick" x="${at}" y="${bottom + 19}" text-anchor="middle">${x.scale.labels[i]}</text>`,
    );
  });
  const below = `x="${LEFT + PLOT_WIDTH / 2}" y="${HEIGHT - 9}"`;
  const beside = `transform="translate(13 ${TOP + PLOT_HEIGHT / 2}) rotate(-90)"`;
  const titles =
    `<text class="name" ${below} text-anchor="middle">${escapeHTML(x.title)}</text>` +
    `<text class="name" ${beside} text-anchor="middle">${escapeHTML(y.title)}</text>`;
  return (
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="${id}-title ${id}-text">` +
    `<title id="${id}-title">${escapeHTML(title)}</title>` +
    `<desc id="${id}-text">${escapeHTML(description)}</desc>` +
    `<g aria-hidden="true">${grid.join("")}<path class="axis" d="M${LEFT} ${bottom}H${right}"/>` +
    `${labels.join("")}${titles}</g>${marks.join("")}</svg>`
  );
}

/** One entry of a legend. */
export interface LegendEntry {
  /** Class of its sample, such as "line train". */
  readonly style: string;
  /** What it is, as HTML. */
  readonly text: string;
}

/**
 * Puts a chart, its caption and its legend together.
 *
 * @param caption Heading as HTML.
 * @param svg The chart, or a paragraph that says why there is none.
 * @param legend The legend; none if it is empty.
 * @param note A remark as HTML below the chart; "": none.
 * @returns A `<figure>` element.
 */
export function figure(
  caption: string,
  svg: string,
  legend: readonly LegendEntry[] = [],
  note: string = "",
): string {
  const entries = legend.map(({ style, text }) => `<li><span class="key ${style}"></span>${text}</li>`);
  const list = entries.length === 0 ? "" : `<ul class="legend">${entries.join("")}</ul>`;
  const remark = note === "" ? "" : `<p class="note">${note}</p>`;
  return `<figure><figcaption>${caption}</figcaption>${list}${svg}${remark}</figure>`;
}

/**
 * Says why there is no chart.
 *
 * @param why The reason, a sentence.
 * @returns A paragraph of the size of a chart.
 */
export function noChart(why: string): string {
  return `<p class="nothing">${escapeHTML(why)}</p>`;
}
