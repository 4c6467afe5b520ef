// Click prediction: how likely is a click on an ad? This program makes up 12,000 views of ads, trains three
// models, and looks at their probabilities. Run it with `npm run example clicks`.

import { NFM, type NFMOptions } from "neural-fm";

// 1. Data. The chance of a click depends mostly on a pair of features: on phones people click on videos, and
//    on desktops they click on texts. Neither the device nor the format says much alone. There are also small
//    effects of the site and of the evening.
let state = 1;
function random(n: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * n);
}
const views = Array.from({ length: 12_000 }, () => ({
  device: ["phone", "desktop"][random(2)]!,
  format: ["video", "text"][random(2)]!,
  site: `site ${random(20)}`,
  hour: random(24),
}));
const probability = ({ device, format, site, hour }: (typeof views)[number]): number => {
  const fits = (device === "phone") === (format === "video");
  const logOdds = -2 + (fits ? 1.2 : -1.2) + (Number(site.slice(5)) - 9.5) / 15 + (hour >= 18 ? 0.5 : 0);
  return 1 / (1 + Math.exp(-logOdds));
};
const clicks: number[] = views.map((view) => (random(1_000_000) < 1_000_000 * probability(view) ? 1 : 0));

// 2. Train on 9,000 views, measure on the other 3,000. `validation: 0.1` holds out a tenth of the training
//    rows as well. They decide when training stops: after 5 epochs in which their loss did not get lower.
const train = { x: views.slice(0, 9000), y: clicks.slice(0, 9000) };
const test = { x: views.slice(9000), y: clicks.slice(9000) };
async function trained(options: NFMOptions): Promise<NFM> {
  const model = new NFM({ loss: "log", seed: 1, ...options });
  await model.fit(train.x, train.y, { epochs: 50, validation: 0.1, patience: 5 });
  return model;
}
// A linear model adds up one number per feature. It cannot learn that two features belong together.
const linear = await trained({ hiddenUnits: [], initStd: 0 });
const model = await trained({ embeddingDim: 16, hiddenUnits: [16] });
console.log(`Training stopped after ${model.history!.epochs.length} epochs.`);
console.log(`Epoch ${model.history!.bestEpoch} was the best one.`);

// 3. Measure. The log loss is lower for better probabilities. The AUC is the chance that a view with a click
//    gets a higher probability than a view without a click. As we made up the data, we also know the best log
//    loss that any model could reach.
const logLoss = (predict: (view: (typeof views)[number]) => number): number =>
  test.x.reduce((sum, view, i) => sum - Math.log(test.y[i] ? predict(view) : 1 - predict(view)), 0) /
  test.x.length;
const rate = train.y.reduce((sum, click) => sum + click, 0) / train.y.length;
console.log(`\nconstant: log loss ${logLoss(() => rate).toFixed(4)}, AUC 0.500`);
for (const [name, one] of Object.entries({ linear, NFM: model })) {
  const { logloss, auc } = one.evaluate(test.x, test.y, { metrics: ["logloss", "auc"] });
  console.log(`${name}: log loss ${logloss.toFixed(4)}, AUC ${auc.toFixed(3)}`);
}
console.log(`best possible: log loss ${logLoss(probability).toFixed(4)}`);

// 4. Calibration: are the probabilities true? Sort the test rows by prediction and divide them into ten equal
//    parts. In each part, the mean prediction should be close to the share of views with a click.
const predictions = model.predict(test.x);
const order = Array.from(predictions.keys()).sort((a, b) => predictions[a]! - predictions[b]!);
const percent = (rows: number[], values: ArrayLike<number>): string =>
  ((100 * rows.reduce((sum, row) => sum + values[row]!, 0)) / rows.length).toFixed(1).padStart(5);
console.log("\npart  predicted  observed");
for (let part = 0; part < 10; part++) {
  const rows = order.slice(300 * part, 300 * (part + 1));
  console.log(
    `${String(part + 1).padStart(4)}  ${percent(rows, predictions)} %    ${percent(rows, test.y)} %`,
  );
}

// 5. Explain one prediction. The parts are on the scale of the log-odds: above 0 means more clicks. The pair
//    of device and format should be the largest one.
const view = { device: "phone", format: "video", site: "site 3", hour: 20 };
console.log(`\nA video on a phone: ${(100 * model.predict(view)).toFixed(1)} % click.`);
for (const { features, contribution } of model.explain(view).pairs.slice(0, 3))
  console.log(`  ${features.join(" and ")}: ${contribution.toFixed(2)}`);
