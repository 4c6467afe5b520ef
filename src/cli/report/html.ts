// Pieces of HTML. Whatever comes from data goes through `escapeHTML`, so that it is text and never markup.

import { formatCount } from "./format.ts";

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Longest text that a name keeps. */
const LONGEST_NAME = 90;
/** Longest tooltip. */
const LONGEST_TIP = 2000;

/**
 * Makes text safe in HTML, also within attributes. Characters that no HTML document may hold become "�".
 *
 * @param text Any text.
 * @returns The escaped text.
 */
export function escapeHTML(text: string): string {
  return text
    .replace(/(?![\t\n\r])\p{Cc}|\p{Surrogate}|[\ufffe\uffff]/gu, "\ufffd")
    .replace(/[&<>"']/g, (character) => ENTITIES[character]);
}

/**
 * Shows a name of the data, such as that of a field or a feature. Its direction of writing does not reach the
 * text around it. A very long name loses its middle and keeps the whole as a tooltip.
 *
 * @param name The name.
 * @returns The HTML.
 */
export function named(name: string): string {
  if (name.trim() === "") return `<span class="quiet">(empty name)</span>`;
  const characters = Array.from(name);
  if (characters.length <= LONGEST_NAME) return `<bdi>${escapeHTML(name)}</bdi>`;
  const start = characters.slice(0, (LONGEST_NAME * 2) / 3).join("");
  const end = characters.slice(-LONGEST_NAME / 3).join("");
  const whole = characters.slice(0, LONGEST_TIP).join("");
  return `<bdi title="${escapeHTML(whole)}">${escapeHTML(`${start} … ${end}`)}</bdi>`;
}

/** One column of a table. */
export interface Column {
  /** Heading as HTML. */
  readonly head: string;
  /** Whether the cells are numbers, which stand to the right. Default: false. */
  readonly isNumber?: boolean;
  /** Class of the cells. Default: none. */
  readonly style?: string;
}

/**
 * Makes a table. It scrolls by itself where it does not fit.
 *
 * @param name What the table shows, for screen readers, as text.
 * @param columns The columns. The first cell of each row is its heading.
 * @param rows Cells as HTML, (rows, columns).
 * @returns The HTML.
 */
export function table(
  name: string,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string {
  const classes = columns.map(({ isNumber, style }) =>
    [isNumber ? "number" : "", style ?? ""].filter((one) => one !== "").join(" "),
  );
  const attribute = (i: number): string => (classes[i] === "" ? "" : ` class="${classes[i]}"`);
  const heads = columns.map(({ head }, i) => `<th scope="col"${attribute(i)}>${head}</th>`).join("");
  const body = rows.map((cells) => {
    const [first, ...rest] = cells;
    const others = rest.map((cell, i) => `<td${attribute(i + 1)}>${cell}</td>`).join("");
    return `<tr><th scope="row"${attribute(0)}>${first}</th>${others}</tr>`;
  });
  return (
    `<div class="scroll" role="region" tabindex="0" aria-label="${escapeHTML(name)}">` +
    `<table><thead><tr>${heads}</tr></thead>\n<tbody>${body.join("\n")}</tbody></table></div>`
  );
}

/**
 * Makes a table whose first rows are visible and whose further rows open on demand. Rows beyond `most` are
 * counted and left out.
 *
 * @param name What the table shows, as text.
 * @param columns The columns.
 * @param rows Cells as HTML, (rows, columns).
 * @param visible Number of rows that are visible at once.
 * @param most Number of rows that the page holds.
 * @returns The HTML.
 */
export function longTable(
  name: string,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  visible: number,
  most: number,
): string {
  const first = table(name, columns, rows.slice(0, visible));
  const more = rows.slice(visible, most);
  if (more.length === 0) return first;
  const left = rows.length - visible - more.length;
  const note = left > 0 ? `<p class="note">${formatCount(left)} more are not listed.</p>` : "";
  const rest = table(`${name}, continued`, columns, more);
  return `${first}\n<details><summary>${formatCount(more.length)} more</summary>${rest}${note}</details>`;
}
