import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { compare } from "../../../src/cli/demo/demo.ts";
import { optimum, World } from "../../../src/cli/demo/world.ts";
import { main } from "../../../src/cli/main.ts";
import { NFM } from "../../../src/index.ts";

describe("the world of the demo", () => {
  it("is a function of its seed, and an event one of its number", () => {
    const all = new World(3).events(0, 50);
    const part = new World(3).events(20, 30);
    expect(new World(3).events(0, 50)).toEqual(all);
    expect(part.maps).toEqual(all.maps.slice(20, 30));
    expect(part.probabilities).toEqual(all.probabilities.slice(20, 30));
    expect(part.clicks).toEqual(all.clicks.slice(20, 30));
    expect(new World(4).events(0, 50).clicks).not.toEqual(all.clicks);
  });

  it("has categories, tags and a price, and neither the click nor its probability among them", () => {
    for (const map of new World(1).events(0, 100).maps) {
      expect(Object.keys(map)).toEqual(["user", "item", "city", "weekday", "hour", "tags", "price"]);
      expect(new Set((map as { tags: string[] }).tags).size).toBe(3);
      expect((map as { price: number }).price).toBeTypeOf("number");
    }
  });

  it("draws clicks as often as their probabilities say, in every tenth of the range", () => {
    const { probabilities, clicks } = new World(2).events(0, 40000);
    for (let tenth = 0; tenth < 10; tenth++) {
      let [rows, expected, variance, seen] = [0, 0, 0, 0];
      probabilities.forEach((p, i) => {
        if (Math.floor(p * 10) !== tenth) return;
        rows++;
        expected += p;
        variance += p * (1 - p);
        seen += clicks[i];
      });
      expect(rows).toBeGreaterThan(500);
      expect(Math.abs(seen - expected)).toBeLessThan(4 * Math.sqrt(variance)); // four standard deviations
    }
  });

  it("has an optimum: the log loss of the true probabilities, close to their entropy", () => {
    const events = new World(2).events(0, 40000);
    let entropy = 0;
    for (const p of events.probabilities) entropy -= (p * Math.log(p) + (1 - p) * Math.log(1 - p)) / 40000;
    expect(optimum(events)).toBeCloseTo(entropy, 1.7); // 0.01: four standard errors of 40,000 rows
    const shifted = { ...events, probabilities: events.probabilities.map((p) => p ** 1.1) };
    expect(optimum(shifted)).toBeGreaterThan(optimum(events));
  });
});

describe("the demo", () => {
  it("brings a factorization machine nearer to the optimum than a linear model, and a neural one nearer still", async () => {
    const { outcomes, optimum } = await compare({
      seed: 2,
      rows: 16000,
      size: { users: 40, items: 30, cities: 6 },
      progress: false,
    });
    const [linear, fm, nfm] = outcomes.map(({ logLoss }) => logLoss - optimum);
    expect(linear).toBeGreaterThan(1.5 * fm);
    expect(fm).toBeGreaterThan(1.5 * nfm);
    expect(nfm).toBeGreaterThan(0);
    expect(outcomes[0].model.tensor("embedding.weight").data.every((value) => value === 0)).toBe(true); // the linear model is one
  });

  it("prints a table, writes the model and predicts with what it reads back", async () => {
    const folder = mkdtempSync(join(tmpdir(), "neural-fm-demo-"));
    const log = vi.spyOn(console, "log").mockImplementation(() => {}); // progress
    try {
      let out = "";
      const write = (text: string): boolean => {
        out += text;
        return true;
      };
      const stream = { write } as unknown as NodeJS.WriteStream;
      const path = join(folder, "demo.safetensors");
      expect(
        await main(["demo", "--rows", "1000", "--seed", "2", "--out", path], {
          stdout: stream,
          stderr: stream,
        }),
      ).toBe(0);
      for (const name of ["linear model", "factorization machine", "neural FM", "true probabilities"]) {
        expect(out).toMatch(new RegExp(`^${name} +0\\.\\d{4}`, "m"));
      }
      const [, map, prediction] =
        /predict\((\{.*\})\)\n {2}= (0\.\d{4}); the true probability is 0\.\d{4}/.exec(out)!;
      expect(NFM.load(readFileSync(path)).predict(JSON.parse(map)).toFixed(4)).toBe(prediction);
    } finally {
      log.mockRestore();
      rmSync(folder, { recursive: true });
    }
  });
});
