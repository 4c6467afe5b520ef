// Links of the documentation lead somewhere, the README stays short, and lines of prose stay readable in an
// editor.

import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";
import { anchorsOf, pages, proseOf, readPage, root } from "./markdown.ts";

const documents = [...pages, "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];

/** The links of a page that lead to a file of this repository: text, path from the root, and anchor. */
function relativeLinks(page: string): { text: string; path: string; anchor: string }[] {
  const links = proseOf(page).matchAll(/\[([^\]]*)\]\(([^)\s]+)\)/g);
  return Array.from(links, ([, text, target]) => ({ text, target }))
    .filter(({ target }) => !/^[a-z]+:/.test(target))
    .map(({ text, target }) => {
      const [file, anchor = ""] = target.split("#");
      return {
        text,
        anchor,
        path: file === "" ? page : normalize(join(dirname(page), file)).replaceAll("\\", "/"),
      };
    });
}

describe.each(documents)("%s", (page) => {
  it("has only relative links that lead to a file, and to a heading of it", () => {
    for (const { text, path, anchor } of relativeLinks(page)) {
      expect(existsSync(join(root, path)), `[${text}] leads to ${path}`).toBe(true);
      if (anchor !== "" && path.endsWith(".md"))
        expect(anchorsOf(path), `[${text}] leads to ${path}#${anchor}`).toContain(anchor);
    }
  });

  it("has lines of at most 120 columns, except for tables and links", () => {
    proseOf(page)
      .split("\n")
      .forEach((line, i) => {
        if (!line.startsWith("|") && !/\]\(\S+\)/.test(line))
          expect(line.length, `${page}:${i + 1}`).toBeLessThanOrEqual(120);
      });
  });
});

describe("the README", () => {
  it("has at most 170 lines", () => {
    expect(readPage("README.md").trimEnd().split("\n").length).toBeLessThanOrEqual(170);
  });

  it("links to every page of docs", () => {
    const linked = relativeLinks("README.md").map(({ path }) => path);
    for (const page of pages) if (page !== "README.md") expect(linked).toContain(page);
  });
});

describe("differences-from-the-paper.md", () => {
  it("names tests that exist: the text of a link to a test file is the name of a test in it", () => {
    const links = relativeLinks("docs/differences-from-the-paper.md").filter(
      ({ text, path }) => path.endsWith(".test.ts") && !path.endsWith(text),
    );
    expect(links.length).toBeGreaterThan(15);
    for (const { text, path } of links) {
      expect(
        readFileSync(join(root, path), "utf8").includes(`"${text}`),
        `${path} has a test "${text}"`,
      ).toBe(true);
    }
  });
});
