// The parts of the page about the model: what moves its predictions, the fields of the rows, the settings.

import { formatCount, formatNumber, formatShare, formatShort, formatSigned } from "./format.ts";
import { type Column, escapeHTML, longTable, named, table } from "./html.ts";
import type { ReportField, Setting } from "./report.ts";
import type { Strongest, StrongFeature, StrongField, StrongPair } from "./strongest.ts";

/** Rows of a table that are visible at once. */
const VISIBLE = 12;
/** Rows of the table of fields that are visible at once, and that the page holds. */
const FIELDS = { visible: 40, most: 1000 } as const;
/** Rows of the other tables that the page holds. */
const MOST = 200;

/** What moves the predictions most. */
export function strongestSection(strongest: Strongest, loss: string): string {
  const { rows, fields, fieldPairs, features, pairs } = strongest;
  if (rows === 0) return "<p>There were no rows to explain.</p>";
  const unit =
    loss === "log"
      ? "log-odds: +0.7 doubles the odds"
      : loss === "squared"
        ? "the unit of the label"
        : "the score";
  const parts = [
    `<p>The scores of ${formatCount(rows)} rows were taken apart into parts of single features and of pairs.
The effect is the mean size of a part over all these rows, in ${unit}.
A field or a feature has its own part and half of each of its pairs.</p>`,
  ];
  if (fields.length > 0) parts.push("<h3>Fields</h3>", fieldTable("Strongest fields", "field", fields));
  if (fieldPairs.length > 0)
    parts.push("<h3>Pairs of fields</h3>", fieldTable("Strongest pairs of fields", "pair", fieldPairs));
  if (features.length > 0) parts.push("<h3>Features</h3>", featureTable(features, rows));
  if (pairs.length > 0) parts.push("<h3>Pairs of features</h3>", pairTable(pairs, rows));
  return parts.join("\n");
}

function fieldTable(name: string, head: string, fields: readonly StrongField[]): string {
  const most = fields[0].effect;
  const columns: Column[] = [
    { head, style: "name" },
    { head: "effect", isNumber: true },
    { head: `<span class="quiet">compared</span>`, style: "bar" },
  ];
  const rows = fields.map(({ names, effect }) => [
    together(names),
    formatNumber(effect, 3),
    `<span class="meter" style="width:${widthOf(effect, most)}%"></span>`,
  ]);
  return longTable(name, columns, rows, VISIBLE, MOST);
}

/** A part of the largest effect in percent, with one decimal. */
function widthOf(effect: number, most: number): string {
  const share = most > 0 && Number.isFinite(effect / most) ? effect / most : 0;
  return String(Math.round(share * 1000) / 10);
}

/** Names side by side. */
function together(names: readonly string[]): string {
  return names.map(named).join(` <span class="quiet">×</span> `);
}

function featureTable(features: readonly StrongFeature[], rows: number): string {
  const columns: Column[] = [
    { head: "feature", style: "name" },
    { head: "effect", isNumber: true },
    { head: "mean part", isNumber: true },
    { head: "in rows", isNumber: true },
    { head: "weight", isNumber: true },
    { head: "vector", isNumber: true },
  ];
  const cells = features.map(({ name, effect, mean, rows: having, weight, norm }) => [
    named(name),
    formatNumber(effect, 3),
    formatSigned(mean),
    formatShare(having / rows),
    weight === null ? "–" : formatSigned(weight),
    norm === null ? "–" : formatNumber(norm, 3),
  ]);
  const note = `<p class="note">Mean part: of the rows that have the feature. Weight: its linear weight.
Vector: the length of its embedding.</p>`;
  return longTable("Strongest features", columns, cells, VISIBLE, MOST) + note;
}

function pairTable(pairs: readonly StrongPair[], rows: number): string {
  const columns: Column[] = [
    { head: "pair", style: "name" },
    { head: "effect", isNumber: true },
    { head: "mean part", isNumber: true },
    { head: "in rows", isNumber: true },
  ];
  const cells = pairs.map(({ names, effect, mean, rows: having }) => [
    together(names),
    formatNumber(effect, 3),
    formatSigned(mean),
    formatShare(having / rows),
  ]);
  return longTable("Strongest pairs of features", columns, cells, VISIBLE, MOST);
}

/** The fields of the training rows. */
export function fieldsSection(fields: readonly ReportField[]): string {
  if (fields.length === 0) return "<p>The rows have no fields.</p>";
  const columns: Column[] = [
    { head: "field", style: "name" },
    { head: "kind" },
    { head: "levels or range", isNumber: true },
    { head: "missing", isNumber: true },
  ];
  const rows = fields.map(({ name, kind, levels, range, missing }) => [
    named(name),
    escapeHTML(kind),
    levels !== null
      ? formatCount(levels)
      : range !== null
        ? range.map((end) => formatShort(end, 3)).join(" to ")
        : "–",
    formatShare(missing),
  ]);
  return longTable("Fields", columns, rows, FIELDS.visible, FIELDS.most);
}

/** The settings. What users set is in bold. */
export function settingsSection(settings: readonly Setting[], command: string): string {
  const columns: Column[] = [
    { head: "setting", style: "name" },
    { head: "value", style: "wide" },
    { head: "from" },
  ];
  const rows = settings.map(({ name, value, isDefault }) => [
    isDefault ? `<code>${escapeHTML(name)}</code>` : `<code class="set">${escapeHTML(name)}</code>`,
    isDefault ? escapeHTML(value) : `<span class="set">${escapeHTML(value)}</span>`,
    isDefault ? `<span class="quiet">default</span>` : "command line",
  ]);
  const list = settings.length === 0 ? "" : table("Settings", columns, rows);
  return `<p>The command line:</p><pre><code>${escapeHTML(command)}</code></pre>${list}`;
}
