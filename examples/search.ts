// Search results: learn from graded results of old searches which results come first in a new search. This
// program makes up the searches of a furniture shop. Run it with `npm run example search`.

import { NFM } from "neural-fm";

// 1. Data. A search has two words, such as "sofa crimson". Customers and the shop use different words for the
//    same thing, so the title of the best product may be "couch red". Nobody tells the model which words
//    belong together. It learns this from the grades: 3 for the right thing in the right color, 1 for the
//    right thing in another color, 0 for anything else. One grade in ten is wrong.
const THINGS = ["sofa couch settee", "lamp light", "rug carpet mat", "chair seat", "desk table", "bed cot"];
const COLORS = ["red crimson scarlet", "blue navy azure", "grey slate ash", "green olive"];
const things = THINGS.map((synonyms) => synonyms.split(" "));
const colors = COLORS.map((synonyms) => synonyms.split(" "));
let state = 1;
function random(n: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * n);
}
const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
interface Result {
  query: number;
  words: string[];
  title: string[];
  brand: string;
  grade: number;
}
const results: Result[] = [];
for (let query = 0; query < 500; query++) {
  const [thing, color] = [pick(things), pick(colors)];
  const words = [pick(thing), pick(color)];
  for (let n = 0; n < 12; n++) {
    const isThing = random(2) === 0;
    const isColor = random(2) === 0;
    const title = [pick(isThing ? thing : pick(things)), pick(isColor ? color : pick(colors))];
    const truth = !thing.includes(title[0]!) ? 0 : color.includes(title[1]!) ? 3 : 1;
    const grade = random(10) === 0 ? pick([0, 1, 3]) : truth;
    results.push({ query, words, title, brand: `brand ${random(8)}`, grade });
  }
}

// 2. Divide by searches, never within one: the last 100 searches are for the test. `groups` says to which
//    search each row belongs. The loss "softmax" compares the results of one search with each other, so only
//    their order counts. `fit` holds out a tenth of the searches to decide when to stop, and says so.
const part = (rows: readonly Result[]) => ({
  x: rows.map(({ words, title, brand }) => ({ words, title, brand })),
  y: rows.map(({ grade }) => grade),
  groups: rows.map(({ query }) => query),
});
const train = part(results.filter(({ query }) => query < 400));
const test = part(results.filter(({ query }) => query >= 400));
const model = new NFM({ loss: "softmax", embeddingDim: 16, hiddenUnits: [], seed: 1 });
await model.fit(train.x, train.y, { groups: train.groups });

// 3. Measure. NDCG@5 looks at the first five results: 1 means that no better order exists. Compare it with a
//    simple search engine, which counts the words that the search and the title have in common. Every search
//    here has a result with a grade above 0, so the division is never by 0.
function ndcg(scores: readonly number[], grades: readonly number[]): number {
  const gain = (order: number[]): number =>
    order.slice(0, 5).reduce((sum, i, rank) => sum + (2 ** grades[i]! - 1) / Math.log2(rank + 2), 0);
  const sorted = (by: readonly number[]): number[] => [...by.keys()].sort((a, b) => by[b]! - by[a]!);
  return gain(sorted(scores)) / gain(sorted(grades));
}
const common = test.x.map(({ words, title }) => title.filter((word) => words.includes(word)).length);
let sum = 0;
for (let i = 0; i < common.length; i += 12) sum += ndcg(common.slice(i, i + 12), test.y.slice(i, i + 12));
const measured = model.evaluate(test.x, test.y, { groups: test.groups, metrics: ["ndcg@5"] });
console.log(`NDCG@5 of words in common: ${(sum / 100).toFixed(3)}`);
console.log(`NDCG@5 of the model: ${measured["ndcg@5"].toFixed(3)}`);

// 4. A new search. The context holds what all candidates share, and `rank` returns the best candidates first.
//    The model found the synonyms: no title has a word of the search.
const candidates = ["lamp red", "couch azure", "settee scarlet", "mat red", "couch red", "light navy"];
const rows = candidates.map((title) => ({ title: title.split(" "), brand: "brand 1" }));
console.log('\nThe best four results of a search for "sofa crimson":');
for (const { index, score } of model.rank({ words: ["sofa", "crimson"] }, rows, { top: 4 }))
  console.log(`  ${score.toFixed(2).padStart(5)}  ${candidates[index]}`);
