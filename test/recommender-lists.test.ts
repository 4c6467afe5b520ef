// The lists of a recommender, against scores that the test computes by itself from the tensors of the model.

import { describe, expect, it } from "vitest";
import { NFM, Recommender } from "../src/index.ts";
import {
  contextEntries,
  EVENTS,
  FILMS,
  type Film,
  filmOf,
  fitted,
  idsOf,
  merged,
  SHOP,
  scoreOf,
  takenBy,
} from "./helpers/films.ts";

const CONTEXT = { user: "u3", evening: true };

describe("a list", () => {
  it("has the scores of the formula, for remembered users, for given histories and for visitors", () => {
    const cases: [user: string | null, history: string[] | undefined][] = [
      ["u3", undefined],
      ["u8", ["f1", "f2", "f1"]],
      [null, ["f9", "f30"]],
      [null, undefined],
      ["nobody", ["f5"]],
      ["u4", []],
    ];
    for (const [user, history] of cases) {
      const given = history?.filter((id, i) => history.lastIndexOf(id) === i);
      const known = merged(SHOP, contextEntries({ user, evening: true }, given ?? takenBy(user)));
      const list = SHOP.recommend({ user, evening: true }, { history, repeat: true, top: 40 });
      expect(list).toHaveLength(40);
      expect(list[0].popular).toBe(undefined);
      for (const { id, score } of list) expect(score).toBeCloseTo(scoreOf(SHOP, known, id), 4);
      for (let i = 1; i < 40; i++) expect(list[i].score).toBeLessThanOrEqual(list[i - 1].score);
    }
  });

  it("leaves out what the user is known to have, and what is in a given history, unless it may repeat", () => {
    const all = idsOf(SHOP.recommend(CONTEXT, { repeat: true, top: 99 }));
    const taken = takenBy("u3");
    expect(idsOf(SHOP.recommend(CONTEXT, { top: 99 }))).toEqual(all.filter((id) => !taken.includes(id)));
    const history = ["f0", "f39"];
    const both = idsOf(SHOP.recommend(CONTEXT, { history, repeat: true, top: 99 }));
    const rest = both.filter((id) => !taken.includes(id) && !history.includes(id));
    expect(idsOf(SHOP.recommend(CONTEXT, { history, top: 99 }))).toEqual(rest);
    const visitor = { user: null, evening: false };
    expect(idsOf(SHOP.recommend(visitor, { history: ["f7"], top: 99 }))).not.toContain("f7");
  });

  it("of several contexts are those of each of them", () => {
    const contexts = [
      CONTEXT,
      { user: "u0", evening: false },
      { user: "zzz", evening: true },
      { user: null },
    ];
    const exclude = [["f1", "f2"], new Set(["f3"]), [], ["gone"]];
    const history = [["f4"], ["f5", "f6"], [], ["f7"]];
    for (const shared of [
      {},
      { diversity: 0.4, because: 2 },
      { atMost: { genre: 2 }, top: 6, repeat: true },
    ]) {
      const single = contexts.map((one, i) =>
        SHOP.recommend(one, { ...shared, exclude: exclude[i], history: history[i] }),
      );
      expect(SHOP.recommend(contexts, { ...shared, exclude, history })).toEqual(single);
      expect(SHOP.recommend(contexts, shared)).toEqual(contexts.map((one) => SHOP.recommend(one, shared)));
    }
    expect(SHOP.recommend([])).toEqual([]);
  });

  it("has only items that the filter keeps, which sees ids and rows as they came in", () => {
    const seen = new Map<string, Film>();
    const filter = (id: string, film: Film): boolean => {
      seen.set(id, film);
      return film.year >= 1970 && film.studio !== "s1";
    };
    const kept = FILMS.filter(({ year, studio }) => year >= 1970 && studio !== "s1").map(({ item }) => item);
    const all = idsOf(SHOP.recommend(CONTEXT, { repeat: true, top: 99 }));
    const list = idsOf(SHOP.recommend(CONTEXT, { filter, repeat: true, top: 99 }));
    expect(list).toEqual(all.filter((id) => kept.includes(id)));
    for (const [id, film] of seen) expect(film).toEqual(filmOf(id));
    expect(seen.size).toBe(40);
    expect(SHOP.recommend(CONTEXT, { filter: () => false })).toEqual([]);
    expect(
      idsOf(SHOP.recommend(CONTEXT, { filter, top: 3, diversity: 0.5 })).every((id) => kept.includes(id)),
    ).toBe(true);
  });

  it("never has items that were removed, and has them again once they are put back", async () => {
    const recommender = await fitted();
    recommender.removeItems(["f0", "f11", "f12"]);
    const gone = (ids: readonly string[]): boolean => !["f0", "f11", "f12"].some((id) => ids.includes(id));
    for (const options of [{}, { diversity: 0.5 }, { atMost: { genre: 20 } }, { repeat: true }])
      expect(gone(idsOf(recommender.recommend(CONTEXT, { ...options, top: 99 })))).toBe(true);
    expect(idsOf(recommender.recommend(CONTEXT, { top: 99, repeat: true }))).toHaveLength(37);
    expect(gone(idsOf(recommender.recommend({ user: "nobody" }, { top: 99 })))).toBe(true);
    expect(gone(idsOf(recommender.similar("f4", { top: 99 })))).toBe(true);
    recommender.putItems([filmOf("f11")]);
    expect(idsOf(recommender.recommend(CONTEXT, { top: 99, repeat: true }))).toContain("f11");
  });
});

describe("a list of popular items", () => {
  it("is given where nothing is known: each with its share of all events", async () => {
    const count = (id: string): number => EVENTS.filter(({ film }) => film === id).length;
    const order = FILMS.map(({ item }) => item).sort(
      (a, b) => count(b) - count(a) || FILMS.indexOf(filmOf(a)) - FILMS.indexOf(filmOf(b)),
    );
    const expected = order.map((id) => ({ id, score: count(id) / 120, popular: true }));
    expect(SHOP.recommend({ user: "nobody" }, { top: 99 })).toEqual(expected);
    expect(SHOP.recommend({ user: null }, { top: 3 })).toEqual(expected.slice(0, 3));
    expect(
      SHOP.recommend({ user: null }, { top: 99, exclude: [order[0]], filter: (id) => id !== order[2] }),
    ).toEqual(expected.filter(({ id }) => id !== order[0] && id !== order[2]));
  });

  it("is not given where a feature, or an item of the history, is known", () => {
    for (const [context, history] of [
      [{ user: "u1" }, undefined],
      [{ user: null, evening: true }, undefined],
      [{ user: "nobody" }, ["f3"]],
    ] as const)
      expect(SHOP.recommend(context, { history }).every((one) => one.popular === undefined)).toBe(true);
  });

  it("counts a value once that an item has twice", async () => {
    const items = [
      { item: "a", tags: ["x", "x"] },
      { item: "b", tags: ["x"] },
      { item: "c", tags: ["x"] },
    ];
    const recommender = new Recommender(new NFM({ loss: "softmax", hiddenUnits: [], notices: false }), items);
    await recommender.fit([{ u: "1" }, { u: "2" }], ["a", "b"], { epochs: 1 });
    expect(recommender.recommend({ u: "1" }, { atMost: { tags: 2 } })).toHaveLength(2);
  });

  it("keeps to the limits of a varied list", () => {
    const list = SHOP.recommend({ user: null }, { atMost: { studio: 1 }, top: 10 });
    const studios = idsOf(list).flatMap((id) => filmOf(id).studio ?? []);
    expect(list[0].popular).toBe(true);
    expect(new Set(studios).size).toBe(studios.length);
    expect(studios).toHaveLength(3);
  });
});
