// A strict reader of the HTML that the page uses. It knows what browsers only correct: every element is closed,
// every attribute has quotes, and "<" in text is an error.

/** One element. */
export interface Element {
  readonly tag: string;
  readonly attributes: ReadonlyMap<string, string>;
  /** Text directly or deeper inside. */
  text: string;
}

const VOID = new Set(["meta", "link"]);
const RAW = new Set(["style", "script"]);
const TAG = /^<(\/?)([a-z][a-z0-9]*)((?:\s+[a-zA-Z-]+(?::[a-z]+)?(?:="[^"<>]*")?)*)\s*(\/?)>/i;
const NAMED: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };

/** Reads the entities of a text. An "&" that starts none is an error. */
function decode(text: string): string {
  return text.replace(/&([^;\s]*;)?/g, (all, name?: string) => {
    const found = name === undefined ? undefined : NAMED[name.slice(0, -1)];
    if (found === undefined) throw new Error(`no entity: ${all}`);
    return found;
  });
}

/**
 * Reads a document.
 *
 * @param html The document.
 * @returns Its elements in the order of their start tags.
 * @throws Error for anything that is not well formed.
 */
export function parse(html: string): Element[] {
  const elements: Element[] = [];
  const open: Element[] = [];
  let rest = html.replace(/^<!doctype html>\n/, "");
  if (rest === html) throw new Error("no doctype");
  const addText = (text: string): void => {
    for (const element of open) element.text += text;
  };
  while (rest !== "") {
    const end = rest.indexOf("<");
    if (end !== 0) {
      addText(decode(end < 0 ? rest : rest.slice(0, end)));
      rest = end < 0 ? "" : rest.slice(end);
      continue;
    }
    const match = TAG.exec(rest);
    if (match === null) throw new Error(`no tag: ${rest.slice(0, 80)}`);
    const [all, slash, tag, attributes, selfClosing] = match;
    rest = rest.slice(all.length);
    if (slash === "/") {
      const last = open.pop();
      if (last?.tag !== tag) throw new Error(`</${tag}> closes <${last?.tag}>`);
      continue;
    }
    const pairs = Array.from(attributes.matchAll(/([a-zA-Z:-]+)="([^"]*)"/g), ([, name, value]) => {
      return [name, decode(value)] as const;
    });
    const element = { tag, attributes: new Map(pairs), text: "" };
    elements.push(element);
    if (VOID.has(tag) || selfClosing === "/") continue;
    open.push(element);
    if (RAW.has(tag)) {
      const close = rest.indexOf(`</${tag}`);
      element.text = rest.slice(0, close);
      rest = rest.slice(close);
    }
  }
  if (open.length > 0) throw new Error(`<${open[open.length - 1].tag}> is open`);
  return elements;
}
