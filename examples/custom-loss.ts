// A loss of your own: the pinball loss. A model that minimizes it predicts a quantile instead of a mean. Here
// it answers the question "In how many minutes will a parcel be there, with 90 % certainty?". Run it with
// `npm run example custom-loss`.

import { NFM, type PointwiseLoss } from "neural-fm";

// 1. The loss, as two functions of the score and the label: its value, and its derivative by the score. A
//    score that is too low costs nine times as much as one that is too high by the same amount. So the mean
//    loss is lowest if 90 % of the labels lie below the score (Koenker & Bassett, Econometrica 1978).
const pinball = (quantile: number): PointwiseLoss => ({
  kind: "pointwise",
  name: `pinball ${quantile}`,
  value: (score, label) => Math.max(quantile * (label - score), (quantile - 1) * (label - score)),
  gradient: (score, label) => (label > score ? -quantile : 1 - quantile),
});
const loss = pinball(0.9);

// 2. Data: the minutes of 8,000 deliveries. Traffic depends on the district and on the time of the day
//    together. Some deliveries take much longer than usual, and in traffic they do so more often.
let state = 1;
function random(n: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * n);
}
const TIMES = ["morning", "noon", "evening"];
const isBusy = (district: number, time: string): boolean => TIMES[district % 3] === time;
const orders = Array.from({ length: 8000 }, () => {
  const [district, driver, time] = [random(24), random(30), TIMES[random(3)]!];
  const usual = 20 + district / 2 + (driver % 5) + (isBusy(district, time) ? 15 : 0);
  const delay = (isBusy(district, time) ? 20 : 6) * -Math.log((random(1000) + 1) / 1000);
  return { row: { district: `d${district}`, driver: `driver ${driver}`, time }, minutes: usual + delay };
});

// 3. Train. A loss of your own takes the labels as they are, so bring them near 1 before: here in hours. With
//    the built-in squared loss this is not necessary, because `fit` standardizes the labels itself.
const part = (list: typeof orders): { x: (typeof orders)[number]["row"][]; y: number[] } => ({
  x: list.map(({ row }) => row),
  y: list.map(({ minutes }) => minutes / 60),
});
const [train, test] = [part(orders.slice(0, 6000)), part(orders.slice(6000))];
const model = new NFM({ loss, embeddingDim: 16, hiddenUnits: [16], seed: 1 });
await model.fit(train.x, train.y);

// 4. Verify it on the orders that were not trained on. The constant is the 90 % quantile of all training
//    labels. It is right on the whole, but far too high in quiet hours and too low in traffic. The model
//    should have about 90 % of the labels below its prediction in both.
const constant = [...train.y].sort((a, b) => a - b)[Math.floor(0.9 * train.y.length)]!;
const predictions = model.predict(test.x);
const report = { constant: test.y.map(() => constant), model: Array.from(predictions) };
for (const [name, predicted] of Object.entries(report)) {
  const share = (busy: boolean | null): string => {
    const chosen = [...test.y.keys()].filter((i) => {
      const { district, time } = test.x[i]!;
      return busy === null || isBusy(Number(district.slice(1)), time) === busy;
    });
    const below = chosen.filter((i) => test.y[i]! < predicted[i]!);
    return `${((100 * below.length) / chosen.length).toFixed(1)} %`;
  };
  const mean = test.y.reduce((sum, label, i) => sum + loss.value(predicted[i]!, label), 0) / test.y.length;
  console.log(`${name}: labels below it ${share(null)}, busy ${share(true)}, quiet ${share(false)}`);
  console.log(`  pinball loss ${(60 * mean).toFixed(2)} minutes`);
}

// 5. Use it. A file holds the name of the loss and no code, so pass the loss again when you load the model.
const loaded = NFM.load(model.save(), { loss });
const row = { district: "d3", driver: "driver 4", time: "morning" };
console.log(`In district d3 in the morning: at most ${(60 * loaded.predict(row)).toFixed(0)} minutes.`);
console.log(`At noon: at most ${(60 * loaded.predict({ ...row, time: "noon" })).toFixed(0)} minutes.`);
