// Restructuring moves code and must not move a bit. The hashes were recorded before; both backends must give
// them. To record anew, after a change that is meant to change numbers: RECORD_BITS=1 npx vitest run
// test/bits.test.ts

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { hashes, PROGRAMS } from "./bits.ts";

const PATH = new URL("./bits.json", import.meta.url);
const recorded = (existsSync(PATH) ? JSON.parse(readFileSync(PATH, "utf8")) : {}) as Record<
  string,
  Record<string, string>
>;

if (process.env.RECORD_BITS) {
  it("records the hashes", async () => {
    const now: Record<string, Record<string, string>> = {};
    for (const [name, program] of Object.entries(PROGRAMS)) now[name] = await hashes(program, "js");
    writeFileSync(PATH, `${JSON.stringify(now, null, 2)}\n`);
  });
} else {
  describe.each(["js", "wasm"] as const)("on the %s backend", (backend) => {
    it.each(Object.keys(PROGRAMS))("%s gives the recorded bits", async (name) => {
      expect(await hashes(PROGRAMS[name], backend)).toEqual(recorded[name]);
    });
  });

  it("has a recorded hash for every program, and no other", () => {
    expect(Object.keys(recorded)).toEqual(Object.keys(PROGRAMS));
  });
}
