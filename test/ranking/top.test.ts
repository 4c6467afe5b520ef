// The best of many scores against a full stable sort.

import { describe, expect, it } from "vitest";
import { NFM } from "../../src/index.ts";
import { selectTop } from "../../src/ranking/top.ts";
import { contexts, sorted, trained, valued } from "../helpers/ranking.ts";
import { numbers } from "../reference.ts";

describe("selectTop", () => {
  const best = (scores: Float32Array, top: number, excluded: ReadonlySet<number> | null): number[] =>
    sorted(scores)
      .filter((i) => !excluded?.has(i))
      .slice(0, top);

  it("agrees with a full stable sort: ties, NaN, infinities, zeros of either sign, exclusions", () => {
    const next = numbers(23);
    const odd = [NaN, Infinity, -Infinity, 0, -0, 3e38, -3e38, 1e-45];
    for (let round = 0; round < 3000; round++) {
      const n = Math.floor(next(0, round % 50 === 0 ? 400 : 40));
      const levels = [1, 2, 5, 1000][round % 4];
      const scores = Float32Array.from({ length: n }, () =>
        next() < 0.05 * (round % 3) ? odd[Math.floor(next(0, 8))] : Math.floor(next(-levels, levels)),
      );
      const top = round % 5 === 0 ? n + 3 : round % 5 === 1 ? 1 : 1 + Math.floor(next(0, n));
      const share = [0, 0.2, 0.9, 1][Math.floor(round / 7) % 4];
      const excluded =
        round % 2 === 0 ? null : new Set(Array.from({ length: n }, (_, i) => i).filter(() => next() < share));
      const wanted = best(scores, top, excluded);
      const got = selectTop(scores, top, excluded);
      if (got.length !== wanted.length || wanted.some((index, place) => got[place] !== index)) {
        expect.fail(
          `top ${top} of ${scores.join(" ")} without ${[...(excluded ?? [])].join(" ")}: ${got.join(" ")}, not ${wanted.join(" ")}`,
        );
      }
    }
  });

  it("keeps the order of positions where all scores are equal, rises or falls", () => {
    for (const [scores, wanted] of [
      [
        [2, 2, 2, 2, 2],
        [0, 1, 2],
      ],
      [
        [1, 2, 3, 4, 5],
        [4, 3, 2],
      ],
      [
        [5, 4, 3, 2, 1],
        [0, 1, 2],
      ],
      [
        [0, -0, 0, -0],
        [0, 1, 2],
      ],
    ]) {
      expect([...selectTop(Float32Array.from(scores), 3)]).toEqual(wanted);
    }
  });

  it("puts NaN last, and gives nothing where there is nothing or everything is left out", () => {
    expect([...selectTop(Float32Array.of(NaN, 1, NaN, -Infinity), 4)]).toEqual([1, 3, 0, 2]);
    expect([...selectTop(Float32Array.of(NaN, 1, NaN, -Infinity), 3)]).toEqual([1, 3, 0]);
    expect([...selectTop(new Float32Array(0), 3)]).toEqual([]);
    expect([...selectTop(Float32Array.of(1, 2), 1, new Set([0, 1]))]).toEqual([]);
    expect([...selectTop(Float32Array.of(1, 2, 3), 1, new Set([2, 77]))]).toEqual([1]);
  });

  it("leaves the scores as they are", () => {
    const scores = Float32Array.of(3, 1, 2, NaN);
    selectTop(scores, 2);
    expect(scores).toEqual(Float32Array.of(3, 1, 2, NaN));
  });
});

describe("the top of a ranking", () => {
  it("is the beginning of the whole one, which comes where none is asked for", async () => {
    for (const hiddenUnits of [[4], []]) {
      const model = await trained({ embeddingDim: 4, hiddenUnits });
      const repeated = [...valued, ...valued, ...valued].map((map, i) => (i % 2 === 0 ? map : valued[3])); // many ties
      for (const candidates of [repeated, model.prepare(repeated)]) {
        const all = model.rank(contexts[2], candidates);
        expect(all).toHaveLength(78);
        const scores = new Float32Array(78);
        for (const { index, score } of all) scores[index] = score;
        expect(new Set(scores).size).toBeLessThan(30);
        expect(all.map(({ index }) => index)).toEqual(sorted(scores));
        for (const top of [1, 2, 13, 77, 78, 79, 1e9, Number.MAX_SAFE_INTEGER])
          expect(model.rank(contexts[2], candidates, { top })).toEqual(all.slice(0, top));
        expect(model.rank(contexts[2], candidates, {})).toEqual(all);
        expect(model.rank(contexts[2], candidates, { top: undefined })).toEqual(all);
      }
    }
  });

  it("has scores that are not numbers at its end", () => {
    for (const hiddenUnits of [[3], []]) {
      const model = new NFM({ numFeatures: 5, embeddingDim: 3, hiddenUnits, batchNorm: false, initStd: 1 });
      const candidates = [{ 1: 3e38, 2: 3e38 }, { 1: 1 }, { 3: 3e38, 2: -3e38 }, {}, { 4: 1 }];
      const scores = model.predict(candidates.map((candidate) => ({ 0: 1, ...candidate })));
      expect(scores.filter((score) => Number.isNaN(score)).length).toBeGreaterThan(0);
      const ranked = model.rank({ 0: 1 }, candidates);
      expect(ranked.map(({ index }) => index)).toEqual(sorted(scores));
      expect(Number.isNaN(ranked[4].score)).toBe(true);
      expect(model.rank({ 0: 1 }, candidates, { top: 1 })).toEqual(ranked.slice(0, 1));
    }
  });
});
