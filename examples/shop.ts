// The whole life of a recommender, on a shop that this program makes up: events come in, lists go out with
// reasons, the night brings an update, and one file holds everything. Run it with `npm run shop`.

import { leaveLastOut, NFM, Recommender } from "neural-fm";
import { RecommenderPredictor } from "neural-fm/predict";

// The catalog: 120 products with a kind, a brand and a price.
interface Product {
  item: string;
  kind: string;
  brand: string;
  price: number;
}
const KINDS = ["tea", "coffee", "cocoa", "juice", "cups", "pots"];
const products = Array.from({ length: 120 }, (_, i): Product => {
  const kind = KINDS[i % 6]!;
  return { item: `${kind} ${i}`, kind, brand: `brand ${Math.floor(i / 6) % 5}`, price: 2 + ((i * 7) % 40) };
});

// The events of 30 days: customers take what goes with what they took last, mostly of a brand that they like.
interface Visit {
  user: string;
  country: string;
  day: number;
  item: string;
}
let state = 1;
function random(n: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * n);
}
const lastKind = new Map<string, number>();
function visit(customer: number, day: number): Visit {
  const user = `customer ${customer}`;
  const kind = ((lastKind.get(user) ?? random(6)) + 1 + random(2)) % 6;
  lastKind.set(user, kind);
  const brand = random(5) === 0 ? random(5) : customer % 5;
  const item = products[kind + 6 * (brand + 5 * random(4))]!.item;
  return { user, country: ["de", "fr", "it"][customer % 3]!, day, item };
}
const visits: Visit[] = [];
for (let day = 0; day < 30; day++)
  for (let n = 0; n < 150; n++) {
    // Some customers come often, most of them rarely.
    visits.push(visit(Math.floor((random(1000) * random(1000)) / 3334), day));
  }

// 1. Is it worth it? Hold the last event of every customer out, and compare with the most popular products.
//    The column of the product has another name in the catalog, so `items` names it.
const options = { users: "user", history: { fields: ["kind"] } };
const newModel = (): NFM => new NFM({ loss: "softmax", hiddenUnits: [], embeddingDim: 32, seed: 1 });
const events = visits.map(({ item, ...context }) => ({ ...context, product: item }));
const { train, heldOut } = leaveLastOut(events, { users: "user", time: "day" });
const trial = new Recommender(newModel(), products, options);
await trial.fit(train, "product", { time: "day" });
const report = trial.report(heldOut, "product", { time: "day" });
const share = (hr: number): string => `${(100 * hr).toFixed(0)} %`;
console.log(
  `The next product is among the first ten for ${share(report.metrics["hr@10"])} of the customers,`,
);
console.log(`with the most popular products for ${share(report.baseline!.metrics["hr@10"])}.`);
for (const [name, { events: count, metrics }] of Object.entries(report.slices))
  console.log(`  ${name} (${count}): ${share(metrics["hr@10"])}`);

// 2. Train on everything, and make lists. What a customer has taken is left out.
const recommender = new Recommender(newModel(), products, options);
await recommender.fit(events, "product", { time: "day" });
const someone = { user: "customer 7", country: "fr" };
console.log("\nFor customer 7:");
for (const { id, because } of recommender.recommend(someone, { top: 3, because: 2 }))
  console.log(`  ${id}, because of ${because!.map(({ feature }) => feature).join(" and ")}`);
const cheap = recommender.recommend(someone, {
  top: 3,
  filter: (_, { price }) => price < 10,
  atMost: { kind: 1 },
});
console.log(`Below 10 euros, one of each kind: ${cheap.map(({ id }) => id).join(", ")}`);

// 3. A new visitor. Nothing is known at first, so the list holds the most popular products. After one click
//    the visitor gets a personal list, without training.
const visitor = { user: null, country: null };
const [first] = recommender.recommend(visitor, { top: 1 });
const clicked = recommender.recommend(visitor, { top: 2, history: ["coffee 1"] });
console.log(`\nA visitor sees ${first!.popular ? "popular products" : "a list of one's own"}.`);
console.log(`After a click on coffee 1: ${clicked.map(({ id }) => id).join(", ")}`);

// 4. The night: a product is new, another one is sold out, a customer came for the first time.
recommender.putItems([{ item: "tea 120", kind: "tea", brand: "brand 0", price: 6 }]);
recommender.removeItems(["pots 5"]);
const today = Array.from({ length: 150 }, () => visit(random(310), 30));
const night = today
  .map(({ item, ...context }) => ({ ...context, product: item }))
  .filter(({ product }) => product !== "pots 5");
night.push({ user: "customer 400", country: "it", day: 30, product: "tea 120" });
await recommender.update(night, "product", { time: "day" });
const list = recommender.recommend({ user: "customer 400", country: "it" }, { top: 2 });
console.log(`\nAfter the night, for customer 400: ${list.map(({ id }) => id).join(", ")}`);
const alike = recommender.similar("tea 120", { top: 2 });
console.log(`Like tea 120: ${alike.map(({ id }) => id).join(", ")}`);
const fans = recommender.recommendUsers("tea 120", { top: 2 });
console.log(`Who may want tea 120: ${fans.map(({ user }) => user).join(", ")}`);

// 5. One file for the server, which loads the small entry. It makes the same lists.
const file = recommender.save();
const server = RecommenderPredictor.load(file);
const same = JSON.stringify(server.recommend(someone)) === JSON.stringify(recommender.recommend(someone));
console.log(`\nThe server makes ${same ? "the same" : "other"} lists.`);

// 6. Customer 7 wants to be forgotten. No file from now on holds the name or the numbers of this customer.
recommender.forget("customer 7");
console.log(`The new file holds the name: ${Buffer.from(recommender.save()).includes('customer 7"')}`);
