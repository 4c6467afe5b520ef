// The version of the package.

import { existsSync, readFileSync } from "node:fs";

/** Reads the version from package.json, which is one folder up from dist and two folders up from src/cli. */
export function versionOf(): string {
  const paths = ["../package.json", "../../package.json"].map((path) => new URL(path, import.meta.url));
  const found = paths.find((path) => existsSync(path))!;
  return (JSON.parse(readFileSync(found, "utf8")) as { version: string }).version;
}
