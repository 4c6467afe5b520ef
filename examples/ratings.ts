// From a CSV file to a saved model, with the default options. The file holds 720 invented ratings of films.
// Run it with `npm run example ratings`.

import { createReadStream, readFileSync, writeFileSync } from "node:fs";
import { NFM } from "neural-fm";
import { readCSV } from "neural-fm/readers";

// 1. Read the table. The column "rating" is the label: the number that the model will predict. The other
//    columns describe a rating: user, film, genre, year, hour and price.
const { x, y } = await readCSV(createReadStream("examples/ratings.csv"), { label: "rating" }).rows();
const ratings = Float64Array.from(y, Number);
console.log(`${x.length} ratings. The first one: ${JSON.stringify(x[0])} gets ${ratings[0]} stars.`);

// 2. Hold out the last 120 rows. The model never sees them in training, so they show how well it predicts.
//    The rows of this file are in random order. Shuffle the rows first if yours are sorted.
const train = { x: x.slice(0, 600), y: ratings.slice(0, 600) };
const test = { x: x.slice(600), y: ratings.slice(600) };

// 3. Train. No option is necessary. `fit` infers the kind of each column. Here all of them are categories: a
//    CSV file holds texts, and each column has few different ones. The option `fields: { hour: "number" }`
//    would make the hour a quantity.
const model = new NFM();
await model.fit(train.x, train.y);
for (const { name, kind, levels } of model.fields) console.log(`  ${name}: ${kind} with ${levels} levels`);

// 4. Measure. The RMSE is the typical error of a prediction, in stars. Compare it with the simplest
//    prediction that is possible: the mean rating of the training rows, for every film and every user.
const { rmse } = model.evaluate(test.x, test.y, { metrics: ["rmse"] });
const mean = train.y.reduce((sum, rating) => sum + rating, 0) / train.y.length;
const squares = test.y.reduce((sum, rating) => sum + (rating - mean) ** 2, 0);
const constant = Math.sqrt(squares / test.y.length);
console.log(`RMSE on 120 new ratings: ${rmse.toFixed(3)}`);
console.log(`RMSE of the constant ${mean.toFixed(2)}: ${constant.toFixed(3)}`);

// 5. Predict one rating. A row is a plain object with the names of the columns.
const tonight = { user: "u39", film: "Snow Fox", genre: "family", year: 1967, hour: 21, price: 1.99 };
const stars = model.predict(tonight);
console.log(`u39 may give "Snow Fox" ${stars.toFixed(1)} stars at 21 o'clock.`);

// 6. Save the model and load it again. The file also holds the names of the users and films, so a loaded
//    model takes the same rows and gives the same numbers.
writeFileSync("ratings.safetensors", model.save());
const loaded = NFM.load(readFileSync("ratings.safetensors"));
const same = loaded.predict(tonight) === stars;
console.log(`The loaded model predicts ${same ? "the same" : "another"} number.`);
