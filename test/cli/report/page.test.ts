// The page of a report: well formed, accessible, safe whatever the names of the data are, and complete.

import { describe, expect, it } from "vitest";
import { diagnose } from "../../../src/cli/report/diagnostics.ts";
import { reportPage } from "../../../src/cli/report/page.ts";
import { type Curve, curveOf, type Report } from "../../../src/cli/report/report.ts";
import { DARK, LIGHT, type Scheme } from "../../../src/cli/report/style.ts";
import { type Element, parse } from "./markup.ts";
import { HOSTILE, priceReport, reportOf } from "./reports.ts";

/** The text that readers see, without the style sheet. No-break spaces are spaces. */
function textOf(html: string): string {
  const body = parse(html).find(({ tag }) => tag === "body")!;
  return body.text.replace(/\s+/g, " ");
}

const points = (count: number): Curve["points"] =>
  Array.from({ length: count }, (_, i) => ({ epoch: i + 1, loss: 1 / (i + 1), validation: null }));
const curve: Curve = { points: points(3), best: null, isKept: true, monitor: "loss" };
const hostile: Partial<Report> = {
  title: HOSTILE[0],
  label: HOSTILE[1],
  classes: [HOSTILE[0], HOSTILE[2]],
  command: HOSTILE.join(" "),
  stopped: HOSTILE[0],
  heldOut: HOSTILE[2],
  notices: HOSTILE,
  settings: HOSTILE.map((name) => ({ name, value: name, isDefault: false })),
  fields: HOSTILE.map((name) => ({ name, kind: name, levels: 2, range: null, missing: 0 })),
  metrics: { heldOut: { [HOSTILE[0]]: 1, [HOSTILE[1]]: 2 }, training: null, constant: null },
  curve: {
    ...curve,
    points: [{ epoch: 1, loss: 1, validation: { loss: 1, [HOSTILE[1]]: 2 } }],
    monitor: HOSTILE[0],
  },
  strongest: {
    rows: 1,
    fields: HOSTILE.map((name) => ({ names: [name], effect: 1 })),
    fieldPairs: HOSTILE.map((name) => ({ names: [name, name], effect: 1 })),
    features: HOSTILE.map((name) => ({ name, effect: 1, mean: 1, rows: 1, weight: null, norm: null })),
    pairs: HOSTILE.map((name) => ({ names: [name, name] as const, effect: 1, mean: 1, rows: 1 })),
  },
};
const nothing: Partial<Report> = {
  rows: { trained: 0, heldOut: 0 },
  heldOut: null,
  label: null,
  classes: null,
  settings: [],
  fields: null,
  curve: { ...curve, points: [] },
  metrics: { heldOut: null, training: null, constant: null },
  diagnostics: null,
  strongest: null,
};
const nan: Partial<Report> = {
  seconds: NaN,
  curve: {
    points: [1, 2].map((epoch) => ({ epoch, loss: NaN, validation: { loss: NaN, auc: Infinity } })),
    best: 0,
    isKept: true,
    monitor: "loss",
  },
  metrics: { heldOut: { logloss: NaN }, training: { logloss: Infinity }, constant: { logloss: 0 } },
  strongest: {
    rows: 1,
    fields: [{ names: ["a"], effect: NaN }],
    fieldPairs: [],
    features: [{ name: "a", effect: NaN, mean: NaN, rows: 1, weight: NaN, norm: NaN }],
    pairs: [],
  },
};
const wide: Partial<Report> = {
  fields: Array.from({ length: 3000 }, (_, i) => ({
    name: `field ${i}`,
    kind: "number",
    levels: null,
    range: [i, 1e9] as const,
    missing: i / 3000,
  })),
};
const zeros = new Array<number>(50).fill(0);
const random = Array.from({ length: 50 }, (_, i) => ((i * 7) % 50) / 50);

const PAGES: Readonly<Record<string, Report>> = {
  clicks: reportOf(),
  prices: priceReport(),
  hostile: reportOf(hostile),
  nothing: reportOf(nothing),
  NaN: reportOf(nan),
  "thousands of fields": reportOf(wide),
  "one epoch": reportOf({ curve: { ...curve, points: points(1) } }),
  "a check before the first epoch ends": reportOf({
    curve: { ...curve, points: [{ epoch: 0.25, loss: 1, validation: { loss: 2 } }], best: 0 },
  }),
  "a thousand epochs": reportOf({ curve: { ...curve, points: points(1000) } }),
  "a single class": reportOf({ diagnostics: diagnose("log", random, zeros) }),
  "scores of two classes": reportOf({
    loss: "hinge",
    diagnostics: diagnose(
      "hinge",
      random,
      random.map((_, i) => i % 2),
    ),
  }),
  "one row": reportOf({ diagnostics: diagnose("log", [0.3], [1]) }),
  "constant labels and predictions": priceReport({ diagnostics: diagnose("squared", zeros, zeros) }),
  "one price": priceReport({ diagnostics: diagnose("squared", [1e12], [-3]) }),
  "a pairwise loss": reportOf({ loss: "bpr", diagnostics: null }),
};

describe.each(Object.entries(PAGES))("the page of %s", (name, report) => {
  const html = reportPage(report);
  const elements = parse(html);
  const having = (attribute: string): Element[] =>
    elements.filter(({ attributes }) => attributes.has(attribute));

  it("is well formed and has no script", () => {
    const tags = new Set(elements.map(({ tag }) => tag));
    for (const tag of ["script", "iframe", "img", "object", "form"]) expect(tags).not.toContain(tag);
    for (const { attributes } of elements)
      for (const attribute of attributes.keys()) expect(attribute).not.toMatch(/^on/);
  });

  it("loads nothing and links only within itself", () => {
    expect(having("src")).toEqual([]);
    for (const { attributes } of having("href")) expect(attributes.get("href")).toMatch(/^(#[a-z]+|data:,)$/);
    const style = elements.find(({ tag }) => tag === "style")!.text;
    expect(style).not.toMatch(/url\(|@import|<|https?:/);
    const policy = elements.find(
      ({ attributes }) => attributes.get("http-equiv") === "Content-Security-Policy",
    )!;
    expect(policy.attributes.get("content")).toMatch(/^default-src 'none'/);
  });

  it("has ids that occur once, and every reference finds its id", () => {
    const ids = having("id").map(({ attributes }) => attributes.get("id")!);
    expect(ids).toEqual([...new Set(ids)]);
    const references = [
      ...having("aria-labelledby").flatMap(({ attributes }) => attributes.get("aria-labelledby")!.split(" ")),
      ...elements.filter(({ tag }) => tag === "a").map(({ attributes }) => attributes.get("href")!.slice(1)),
    ];
    for (const reference of references) expect(ids).toContain(reference);
  });

  it("has one h1, and headings that skip no level", () => {
    const levels = elements.flatMap(({ tag }) => (/^h[1-6]$/.test(tag) ? [Number(tag[1])] : []));
    expect(levels.filter((level) => level === 1)).toHaveLength(1);
    levels.forEach((level, i) => expect(level).toBeLessThanOrEqual((levels[i - 1] ?? 0) + 1));
  });

  it("describes every chart and names every table, which the keyboard can scroll", () => {
    for (const { attributes } of elements.filter(({ tag }) => tag === "svg")) {
      expect(attributes.get("role")).toBe("img");
      expect(attributes.get("viewBox")).toMatch(/^0 0 \d+ \d+$/);
    }
    const count = (tag: string): number => elements.filter((element) => element.tag === tag).length;
    expect(count("desc")).toBe(count("svg"));
    for (const { text } of elements.filter(({ tag }) => tag === "desc")) expect(text).toMatch(/\w.*\./s);
    const regions = having("tabindex");
    expect(regions).toHaveLength(count("table"));
    for (const { attributes } of regions) expect(attributes.get("aria-label")).toMatch(/\w/);
  });

  it("writes no number that is none, and no coordinate outside a chart", () => {
    if (name !== "hostile") expect(textOf(html)).not.toMatch(/\bNaN\b|undefined|null|Infinity|\[object/);
    for (const { tag, attributes } of elements) {
      if (tag !== "path" && tag !== "circle" && tag !== "rect") continue;
      for (const [attribute, value] of attributes) {
        if (attribute === "class") continue;
        expect(value, `${tag} ${attribute}`).not.toMatch(/NaN|Infinity|undefined/);
        for (const number of value.match(/-?\d+(\.\d+)?/g) ?? []) {
          expect(Number(number)).toBeGreaterThanOrEqual(0);
          expect(Number(number)).toBeLessThanOrEqual(420);
        }
      }
    }
  });
});

describe("the page", () => {
  const text = textOf(reportPage(reportOf()));

  it("tells what was trained, when, with what and how well", () => {
    expect(text).toContain("clicks.csv");
    expect(text).toContain("predicting click. 2026-03-14 15:09 UTC.");
    expect(text).toContain("neural-fm 1.2.3");
    expect(text).toContain("neural-fm train clicks.csv --label click --k 16");
    expect(text).toContain("Log loss0.4500on held-out rows");
    expect(text).toContain("1,800and 200 held out");
    expect(text).toContain("Time12.3 s");
    expect(text).toContain("A tenth of the rows was held out.");
    expect(text).toContain("Training ended after 3 passes.");
    expect(text).toContain(
      "The model has the state in which the loss of the held-out rows was best after 2 passes.",
    );
  });

  it("is a function of the report", () => {
    expect(reportPage(reportOf())).toBe(reportPage(reportOf()));
  });

  it("compares with the constant prediction", () => {
    const metrics = { heldOut: { rmse: 3 }, training: null, constant: { rmse: 4 } };
    expect(textOf(reportPage(priceReport({ metrics })))).toContain("the model is 25.0 % better");
    expect(textOf(reportPage(priceReport({ metrics: { ...metrics, heldOut: { rmse: 5 } } })))).toContain(
      "the model is 25.0 % worse",
    );
    expect(textOf(reportPage(priceReport({ metrics: { ...metrics, heldOut: { rmse: 4 } } })))).toContain(
      "the model is no better",
    );
  });

  it("shows fields, settings and the strongest parts", () => {
    expect(text).toContain("usercategory3000 %");
    expect(text).toContain("pricenumber1.43 to 9.933.4 %");
    expect(text).toContain("embeddingDim16command line");
    expect(text).toContain("seed0default");
    expect(text).toContain("user=ana0.500−0.25025.0 %+0.1252");
    expect(text).toContain("price × user=ana0.200+0.40025.0 %");
  });

  it("shows the charts of the loss", () => {
    const captions = (report: Report): string[] =>
      parse(reportPage(report)).flatMap(({ tag, text }) => (tag === "figcaption" ? [text] : []));
    expect(captions(reportOf())).toEqual([
      "Calibration",
      "Predictions of each class",
      "ROC curve",
      "Precision and recall",
      "Loss",
      "AUC",
    ]);
    expect(captions(priceReport()).slice(0, 3)).toEqual([
      "Predicted and actual",
      "Residuals by prediction",
      "Distribution of residuals",
    ]);
    expect(captions(PAGES["scores of two classes"])[0]).toBe("Scores of each class");
  });

  it("says why a chart is missing", () => {
    expect(textOf(reportPage(PAGES["a single class"]))).toContain("all of one class");
    expect(textOf(reportPage(PAGES["nothing"]))).toContain("No epoch was completed.");
    expect(textOf(reportPage(PAGES["NaN"]))).toContain("No value is a finite number.");
  });

  it("shows hostile names as they are, and long ones without their middle", () => {
    const shown = textOf(reportPage(PAGES["hostile"]));
    expect(shown).toContain(HOSTILE[0]);
    expect(shown).toContain(HOSTILE[1]);
    expect(shown).toContain(HOSTILE[2]);
    expect(shown).toContain(`${"x".repeat(60)} … ${"x".repeat(30)}`);
    expect(shown).toContain("(empty name)");
    expect(shown).toContain("nul\ufffd bell\ufffd lone \ufffd \ufffd");
  });

  it("stays small with thousands of fields, and counts what it leaves out", () => {
    const html = reportPage(PAGES["thousands of fields"]);
    expect(html.length).toBeLessThan(400_000);
    expect(html.match(/[\d,]+ more[^<]*/g)).toEqual(["960 more", "2,000 more are not listed."]);
  });
});

describe("a curve", () => {
  const validation = { loss: 1 };
  const epochs = [1, 2].map((epoch) => ({ epoch, loss: 3 - epoch, validation: null, seconds: 1 }));
  const points = [1, 2].map((epoch) => ({ epoch, loss: 3 - epoch, validation: null }));
  const checks = [true, true, false].map((best, i) => {
    return { epoch: 1, step: 5 * (i + 1), rows: 50 * (i + 1), loss: i, validation, best };
  });

  it("has a point per epoch without checks", () => {
    const history = { epochs, checks: [], refit: null };
    expect(curveOf(history, 100)).toEqual({ points, best: null, isKept: true, monitor: "loss" });
  });

  it("has a point per check where there are checks; the last best one beats all others", () => {
    const found = curveOf({ epochs, checks, refit: { epochs, steps: 10 } }, 100, "auc");
    expect(found.points).toEqual([
      { epoch: 0.5, loss: 0, validation },
      { epoch: 1, loss: 1, validation },
      { epoch: 1.5, loss: 2, validation },
    ]);
    expect(found).toMatchObject({ best: 1, isKept: false, monitor: "auc" });
  });
});

describe("the colors", () => {
  /** Relative luminance as WCAG 2.2 defines it. */
  const luminance = (color: string): number => {
    const [r, g, b] = [1, 3, 5].map((at) => {
      const value = Number.parseInt(color.slice(at, at + 2), 16) / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a: string, b: string): number => {
    const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (light + 0.05) / (dark + 0.05);
  };

  it.each([
    ["light", LIGHT],
    ["dark", DARK],
  ] satisfies [string, Scheme][])("of the %s scheme have the contrast of level AA", (_, scheme) => {
    for (const background of [scheme.page, scheme.raised]) {
      for (const color of [scheme.text, scheme.quiet, scheme.train, scheme.valid])
        expect(contrast(color, background)).toBeGreaterThanOrEqual(4.5); // text
      expect(contrast(scheme.other, background)).toBeGreaterThanOrEqual(3); // graphics
    }
  });
});
