// The page of `--report`: one HTML document without scripts, that loads nothing. Charts are SVG.

import { escapeHTML, named } from "./html.ts";
import { fieldsSection, settingsSection, strongestSection } from "./model-sections.ts";
import type { Report } from "./report.ts";
import { keyFigures, resultSection, trainingSection } from "./result-sections.ts";
import { STYLE } from "./style.ts";

/** No script runs and nothing is loaded, even if a name of the data would get past `escapeHTML`. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/** A part of the page with a heading. */
interface Section {
  readonly id: string;
  readonly heading: string;
  readonly content: string;
}

/**
 * Makes the page of a report.
 *
 * @param report What it says.
 * @returns A complete HTML document in UTF-8.
 */
export function reportPage(report: Report): string {
  const { title, date, version, label, notices } = report;
  const sections = sectionsOf(report);
  const links = sections.map(({ id, heading }) => `<li><a href="#${id}">${heading}</a></li>`);
  const of = label === null ? "" : `, predicting ${named(label)}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${escapeHTML(title)} · training report</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<div class="page">
<header>
<h1>${named(title)}</h1>
<p class="meta">Training report of a Neural Factorization Machine${of}. ${escapeHTML(date)}.</p>
</header>
<main>
${keyFigures(report)}
${noticeList(notices)}
<nav aria-label="Contents"><ul>${links.join("")}</ul></nav>
${sections.map(showSection).join("\n")}
</main>
<footer>Written by neural-fm ${escapeHTML(version)}. This page is one file and loads nothing.</footer>
</div>
</body>
</html>
`;
}

function sectionsOf(report: Report): Section[] {
  const { strongest, fields, settings, command, loss } = report;
  const sections: Section[] = [
    { id: "result", heading: "Result", content: resultSection(report) },
    { id: "training", heading: "Training", content: trainingSection(report) },
  ];
  if (strongest !== null) {
    const content = strongestSection(strongest, loss);
    sections.push({ id: "strongest", heading: "What moves the predictions", content });
  }
  if (fields !== null) sections.push({ id: "fields", heading: "Fields", content: fieldsSection(fields) });
  sections.push({ id: "settings", heading: "Settings", content: settingsSection(settings, command) });
  return sections;
}

function showSection({ id, heading, content }: Section): string {
  return `<section aria-labelledby="${id}"><h2 id="${id}">${heading}</h2>\n${content}</section>`;
}

function noticeList(notices: readonly string[]): string {
  if (notices.length === 0) return "";
  const items = notices.map((notice) => `<li>${escapeHTML(notice)}</li>`).join("\n");
  const [heading, only] = notices.length === 1 ? ["Notice", ` class="only"`] : ["Notices", ""];
  const content = `<h2 id="notices">${heading}</h2><ul${only}>${items}</ul>`;
  return `<aside class="notices" aria-labelledby="notices">${content}</aside>`;
}
