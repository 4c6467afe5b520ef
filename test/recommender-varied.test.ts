// Varied lists, reasons, similar items and users for an item, against literal computations from the tensors.

import { describe, expect, it } from "vitest";
import { NFM, Recommender } from "../src/index.ts";
import {
  contextEntries,
  cosine,
  EVENTS,
  FILMS,
  type Film,
  filmOf,
  fitted,
  idsOf,
  itemEntries,
  merged,
  product,
  SHOP,
  scoreOf,
  takenBy,
} from "./helpers/films.ts";

const CONTEXT = { user: "u3", evening: true };

/** The similarities of all pairs of films. */
const COSINES = new Map(
  FILMS.map(({ item: a }) => [a, new Map(FILMS.map(({ item: b }) => [b, cosine(SHOP, a, b)]))]),
);

/** Maximal marginal relevance as it stands in the paper, over all items of a list. */
function mmr(list: readonly { id: string; score: number }[], top: number, d: number): string[] {
  const scores = list.map(({ score }) => score);
  const [best, worst] = [Math.max(...scores), Math.min(...scores)];
  const left = list.slice();
  const chosen: string[] = [];
  while (chosen.length < top && left.length > 0) {
    const values = left.map(({ id, score }) => {
      const likeness = chosen.map((other) => COSINES.get(id)!.get(other)!);
      return (
        (1 - d) * ((score - worst) / (best - worst)) - d * (chosen.length === 0 ? 0 : Math.max(...likeness))
      );
    });
    const next = values.indexOf(Math.max(...values));
    chosen.push(left[next].id);
    left.splice(next, 1);
  }
  return chosen;
}

describe("diversity", () => {
  it.each([0.1, 0.3, 0.5, 0.9, 1])("of %d chooses by maximal marginal relevance", (diversity) => {
    for (const user of ["u3", "u11"]) {
      const all = SHOP.recommend({ user, evening: true }, { top: 99 });
      for (const top of [1, 99]) {
        const varied = SHOP.recommend({ user, evening: true }, { top, diversity });
        expect(idsOf(varied)).toEqual(mmr(all, top, diversity));
        for (const { id, score } of varied) expect(score).toBe(all.find((one) => one.id === id)!.score);
      }
    }
    const [plain, varied] = [0, diversity].map((d) =>
      idsOf(SHOP.recommend(CONTEXT, { diversity: d, top: 8 })),
    );
    expect(varied).not.toEqual(plain);
  });

  it("of 0 is the plain list", () => {
    expect(SHOP.recommend(CONTEXT, { diversity: 0 })).toEqual(SHOP.recommend(CONTEXT));
  });

  it("acts on what is left after the other options", () => {
    const exclude = idsOf(SHOP.recommend(CONTEXT, { top: 3 }));
    const filter = (_: string, { year }: Film): boolean => year % 2 === 0;
    const rest = SHOP.recommend(CONTEXT, { top: 99, exclude, filter });
    expect(rest.length).toBeGreaterThan(8);
    expect(idsOf(SHOP.recommend(CONTEXT, { top: 6, exclude, filter, diversity: 0.6 }))).toEqual(
      mmr(rest, 6, 0.6),
    );
  });
});

/** Takes the best items one by one, unless one of their values is used up. */
function limited(
  list: readonly string[],
  top: number,
  limits: [valuesOf: (film: Film) => unknown[], most: number][],
): string[] {
  const chosen: string[] = [];
  for (const id of list) {
    const isFull = limits.some(([valuesOf, most]) =>
      valuesOf(filmOf(id)).some(
        (value) => chosen.filter((one) => valuesOf(filmOf(one)).includes(value)).length >= most,
      ),
    );
    if (!isFull && chosen.length < top) chosen.push(id);
  }
  return chosen;
}

describe("atMost", () => {
  const genres = (film: Film): unknown[] => film.genre;
  const studios = (film: Film): unknown[] => (film.studio === undefined ? [] : [film.studio]);
  const years = (film: Film): unknown[] => [film.year];

  it("counts every value of a list, and no missing value", () => {
    for (const user of ["u0", "u3", "u7"]) {
      const context = { user, evening: false };
      const all = idsOf(SHOP.recommend(context, { top: 99 }));
      for (const top of [1, 4, 10, 99]) {
        const list = (atMost: Record<string, number>): string[] =>
          idsOf(SHOP.recommend(context, { top, atMost }));
        expect(list({ genre: 1 })).toEqual(limited(all, top, [[genres, 1]]));
        expect(list({ genre: 2 })).toEqual(limited(all, top, [[genres, 2]]));
        expect(list({ studio: 1 })).toEqual(limited(all, top, [[studios, 1]]));
        expect(list({ studio: 3, genre: 4 })).toEqual(
          limited(all, top, [
            [studios, 3],
            [genres, 4],
          ]),
        );
        expect(list({ year: 1 })).toEqual(limited(all, top, [[years, 1]]));
        expect(list({})).toEqual(all.slice(0, top));
      }
    }
  });

  it("holds together with diversity", () => {
    const list = idsOf(SHOP.recommend(CONTEXT, { top: 8, diversity: 0.4, atMost: { genre: 3, studio: 2 } }));
    for (const genre of new Set(FILMS.flatMap(genres)))
      expect(list.filter((id) => filmOf(id).genre.includes(genre as string)).length).toBeLessThanOrEqual(3);
    for (const studio of ["s0", "s1", "s2"])
      expect(list.filter((id) => filmOf(id).studio === studio).length).toBeLessThanOrEqual(2);
    expect(new Set(list).size).toBe(list.length);
  });

  it("looks as deep as it must until the list is full", async () => {
    // The best 500 of 1000 items have one kind. Each other kind follows far behind.
    const items = Array.from({ length: 1000 }, (_, i) => ({
      item: `i${i}`,
      taste: i < 500 ? "good" : "bad",
      kind: i < 500 ? "same" : i < 980 ? "other" : `k${i}`,
    }));
    const model = new NFM({ loss: "softmax", hiddenUnits: [], embeddingDim: 2, seed: 1, notices: false });
    const recommender = new Recommender(model, items);
    const events = Array.from({ length: 300 }, (_, e) => `i${(e * 7) % 500}`);
    await recommender.fit(
      events.map(() => ({ who: "all" })),
      events,
      { epochs: 1, negatives: 200, batchSize: 30 },
    );
    const all = idsOf(recommender.recommend({ who: "all" }, { top: 2000 }) as { id: string }[]);
    const kindOf = (id: string): string => items[Number(id.slice(1))].kind;
    const depth = all.findIndex((id) => kindOf(id) !== "same");
    expect(depth).toBeGreaterThan(400);
    const list = recommender.recommend({ who: "all" }, { top: 5, atMost: { kind: 1 } }) as { id: string }[];
    const expected: string[] = [];
    for (const id of all) if (!expected.some((one) => kindOf(one) === kindOf(id))) expected.push(id);
    expect(idsOf(list)).toEqual(expected.slice(0, 5));
    expect(recommender.recommend({ who: "all" }, { top: 99, atMost: { kind: 1 } })).toHaveLength(22);
  });
});

describe("because", () => {
  /** What each feature of a context adds by its pairs with the features of an item, the largest first. */
  function parts(
    user: string | null,
    history: readonly string[],
    id: string,
  ): { name: string; contribution: number }[] {
    const known = merged(SHOP, contextEntries({ user, evening: true }, history));
    return [...known]
      .map(([feature, x]) => ({
        name: SHOP.model.encoder!.name(feature),
        contribution: itemEntries(SHOP, id).reduce(
          (sum, [f, y]) => sum + x * y * product(SHOP, feature, f),
          0,
        ),
      }))
      .filter(({ contribution }) => contribution > 0)
      .sort((a, b) => b.contribution - a.contribution);
  }

  it("gives the largest sums of the pairs of one feature with those of the item", () => {
    for (const [user, history] of [
      ["u3", undefined],
      ["u3", ["f1", "f6", "f13"]],
      [null, ["f39", "f0"]],
    ] as const) {
      for (const most of [1, 3, 100]) {
        const list = SHOP.recommend(
          { user, evening: true },
          { because: most, history, repeat: true, top: 40 },
        );
        let reasons = 0;
        for (const { id, because } of list) {
          const expected = parts(user, history ?? takenBy(user), id).slice(0, most);
          expect(because!.map(({ contribution }) => contribution)).toHaveLength(expected.length);
          because!.forEach(({ feature, contribution, id: taken }, i) => {
            expect(feature).toBe(expected[i].name);
            expect(contribution).toBeCloseTo(expected[i].contribution, 5);
            expect(contribution).toBeGreaterThan(0);
            expect(taken).toBe(feature.startsWith("history=") ? feature.slice(8) : undefined);
            if (taken === undefined)
              expect(Object.keys(because![i]).sort()).toEqual(["contribution", "feature"]);
          });
          reasons += because!.length;
        }
        expect(reasons).toBeGreaterThan(20);
      }
    }
  });

  it("leaves the list as it is, and 0 gives no reasons", () => {
    const plain = SHOP.recommend(CONTEXT);
    const strip = SHOP.recommend(CONTEXT, { because: 2 }).map(({ id, score }) => ({ id, score }));
    expect(strip).toEqual(plain);
    expect(SHOP.recommend(CONTEXT, { because: 0 })).toEqual(plain);
  });

  it("sums up to the score together with the linear parts and the pairs within context and item", () => {
    const [{ id, because }] = SHOP.recommend(CONTEXT, { because: 100, top: 1 });
    const { pairs } = SHOP.explain(CONTEXT, id);
    const own = new Set(itemEntries(SHOP, id).map(([f]) => SHOP.model.encoder!.name(f)));
    for (const { feature, contribution } of because!) {
      const mine = pairs.filter(
        ({ features: [a, b] }) => (a === feature && own.has(b)) || (b === feature && own.has(a)),
      );
      expect(mine.reduce((sum, pair) => sum + pair.contribution, 0)).toBeCloseTo(contribution, 6);
    }
  });
});

describe("similar", () => {
  it("lists the other items by the cosine of their summed embeddings", () => {
    for (const id of ["f0", "f7", "f39"]) {
      const expected = FILMS.filter(({ item }) => item !== id)
        .map(({ item }) => ({ id: item, similarity: cosine(SHOP, id, item) }))
        .sort((a, b) => b.similarity - a.similarity);
      const got = SHOP.similar(id, { top: 99 });
      expect(idsOf(got)).toEqual(idsOf(expected));
      got.forEach(({ similarity }, i) => expect(similarity).toBeCloseTo(expected[i].similarity, 5));
      expect(SHOP.similar(id)).toEqual(got.slice(0, 10));
    }
  });

  it("works for an item that has left the catalog", async () => {
    const recommender = await fitted();
    const before = recommender.similar("f2", { top: 99 });
    recommender.removeItems(["f2"]);
    expect(recommender.similar("f2", { top: 99 })).toEqual(before);
  });
});

describe("recommendUsers", () => {
  it("lists who has not taken the item, by the score in the user's last context with the history", () => {
    for (const id of ["f0", "f5", "f38"]) {
      const users = Array.from({ length: 12 }, (_, u) => `u${u}`).filter(
        (user) => !takenBy(user).includes(id),
      );
      const expected = users
        .map((user) => {
          const { evening } = EVENTS.filter((event) => event.user === user).at(-1)!;
          const known = merged(SHOP, contextEntries({ user, evening }, takenBy(user)));
          return { user, score: scoreOf(SHOP, known, id) };
        })
        .sort((a, b) => b.score - a.score);
      const got = SHOP.recommendUsers(id, { top: 99 });
      expect(got.map(({ user }) => user)).toEqual(expected.map(({ user }) => user));
      got.forEach(({ score }, i) => expect(score).toBeCloseTo(expected[i].score, 4));
      expect(SHOP.recommendUsers(id, { top: 2 })).toEqual(got.slice(0, 2));
      for (const { user, score } of got) {
        const { evening } = EVENTS.filter((event) => event.user === user).at(-1)!;
        const own = SHOP.recommend({ user, evening }, { top: 99 }).find((one) => one.id === id)!;
        expect(own.score).toBeCloseTo(score, 5);
      }
    }
  });

  it("does not list users who were forgotten", async () => {
    const recommender = await fitted();
    const [first] = recommender.recommendUsers("f0");
    recommender.forget(first.user);
    expect(recommender.recommendUsers("f0", { top: 99 }).map(({ user }) => user)).not.toContain(first.user);
  });

  it("needs remembered users", async () => {
    expect(() => new Recommender(NFM.load(SHOP.model.save()), FILMS).recommendUsers("f1")).toThrow(
      new TypeError(
        "Recommender.recommendUsers: the recommender remembers no users; new Recommender(model, items, { users: FIELD }), then fit",
      ),
    );
  });
});
