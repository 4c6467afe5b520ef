// Films that users watched, a recommender of them, and scores, cosines and pairs of features as the formulas say,
// computed from the tensors of the model.

import { type FeatureMap, NFM, Recommender } from "../../src/index.ts";

export interface Film extends Record<string, string | string[] | number | undefined> {
  readonly item: string;
  readonly genre: string[];
  readonly studio: string | undefined;
  readonly year: number;
}

const GENRES = ["crime", "comedy", "drama", "horror"];

/** 40 films of two genres at most; some have no studio. */
export const FILMS: Film[] = Array.from({ length: 40 }, (_, i) => ({
  item: `f${i}`,
  genre: i % 5 === 0 ? [GENRES[i % 4], GENRES[(i + 1) % 4]] : [GENRES[i % 4]],
  studio: i % 7 === 0 ? undefined : `s${i % 3}`,
  year: 1950 + i,
}));

/** 12 users with 10 events each; user u takes films of the rest u % 4, and some others. */
export const EVENTS: { user: string; evening: boolean; film: string }[] = Array.from(
  { length: 120 },
  (_, e) => {
    const [user, round] = [e % 12, Math.floor(e / 12)];
    return {
      user: `u${user}`,
      evening: e % 3 === 0,
      film: `f${round === 5 ? (user * 3) % 40 : ((user % 4) + 4 * round) % 40}`,
    };
  },
);

export async function fitted(users: boolean = true): Promise<Recommender<Film, string>> {
  const model = new NFM({
    loss: "softmax",
    hiddenUnits: [],
    embeddingDim: 6,
    seed: 2,
    initStd: 0.2,
    notices: false,
  });
  const options = users ? { users: "user", history: { fields: ["genre"], last: 4, decay: 0.5 } } : {};
  const recommender = new Recommender<Film, string>(model, FILMS, options);
  await recommender.fit(EVENTS, "film", { epochs: 4, batchSize: 16 });
  return recommender;
}

export const SHOP: Recommender<Film, string> = await fitted();

/** What a user took, the oldest first, each film once at its latest time. */
export function takenBy(user: string | null): string[] {
  const all = EVENTS.filter((event) => event.user === user).map(({ film }) => film);
  return all.filter((film, i) => all.lastIndexOf(film) === i);
}

export const filmOf = (id: string): Film => FILMS[Number(id.slice(1))];

/** The features of a context with a history: name and value of each, the options of the history as in `fitted`. */
export function contextEntries(
  context: { user: string | null; evening?: boolean },
  history: readonly string[],
): [string, number][] {
  const entries: [string, number][] = [];
  if (context.user !== null) entries.push([`user=${context.user}`, 1]);
  if (context.evening === true) entries.push(["evening", 1]);
  history
    .slice(-4)
    .reverse()
    .forEach((id, age) => {
      entries.push([`history=${id}`, 0.5 ** age]);
      for (const genre of filmOf(id).genre) entries.push([`history genre=${genre}`, 0.5 ** age]);
    });
  return entries;
}

/** The features of an item as the encoder of the model reads them. */
export function itemEntries({ model }: Recommender<Film, string>, id: string): [number, number][] {
  const { indptr, indices, values } = model.encoder!.transform([
    { user: null, evening: false, ...filmOf(id) } as FeatureMap,
  ]);
  return Array.from({ length: indptr[1] }, (_, p) => [indices[p], values?.[p] ?? 1]);
}

/** Sums entries of one feature, and leaves out unknown ones. */
export function merged(
  recommender: Recommender<Film, string>,
  entries: readonly [string, number][],
): Map<number, number> {
  const sums = new Map<number, number>();
  for (const [name, value] of entries) {
    const index = recommender.model.encoder!.index(name) ?? -1;
    if (index >= 0) sums.set(index, (sums.get(index) ?? 0) + value);
  }
  return sums;
}

export const tensor = (recommender: Recommender<Film, string>, name: string): Float32Array =>
  recommender.model.tensor(name).data as Float32Array;

/** <v_a, v_b>. */
export function product(recommender: Recommender<Film, string>, a: number, b: number): number {
  const v = tensor(recommender, "embedding.weight");
  return Array.from({ length: 6 }, (_, j) => v[a * 6 + j] * v[b * 6 + j]).reduce((x, y) => x + y, 0);
}

/** The score of a context and an item by the formula of the factorization machine. */
export function scoreOf(
  recommender: Recommender<Film, string>,
  context: Map<number, number>,
  id: string,
): number {
  const entries = [...context, ...itemEntries(recommender, id)];
  const w = tensor(recommender, "linear.weight");
  let score = tensor(recommender, "bias")[0];
  entries.forEach(([a, x], i) => {
    score += w[a] * x;
    for (const [b, y] of entries.slice(i + 1)) score += x * y * product(recommender, a, b);
  });
  return score;
}

/** Cosine similarity of the summed embeddings of two items. */
export function cosine(recommender: Recommender<Film, string>, a: string, b: string): number {
  const v = tensor(recommender, "embedding.weight");
  const [p, q] = [a, b].map((id) => {
    const entries = itemEntries(recommender, id);
    return Array.from({ length: 6 }, (_, j) => entries.reduce((sum, [f, x]) => sum + x * v[f * 6 + j], 0));
  });
  const dot = (x: number[], y: number[]): number => x.reduce((sum, value, j) => sum + value * y[j], 0);
  return dot(p, q) / Math.sqrt(dot(p, p) * dot(q, q));
}

export const idsOf = (list: readonly { id: string }[]): string[] => list.map(({ id }) => id);
