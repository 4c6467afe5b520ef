// A layer of your own: a leaky ReLU whose slope is learned (He et al. 2015, "Delving Deep into Rectifiers",
// called PReLU). y = x if x is above 0, otherwise y = slope * x, with one slope for each column. Run it with
// `npm run example custom-layer`.

import { Activation, Dense, type Layer, NFM, SGD } from "neural-fm";

// 1. The layer. `shape` declares the parameters, here the slopes with their initial value. `forward` computes
//    y from x. `backward` gets dY, the gradient of the loss by y. It writes dX, the gradient by x, and the
//    gradients of the parameters. All tensors belong to the model, so the layer itself keeps nothing. Element
//    (row, j) of a tensor has the index row * stride + j. The stride can be larger than the number of
//    columns. Columns beyond `cols` are not used.
const prelu = (slope = 0.25): Layer => ({
  type: "prelu",
  shape: (inputDim) => ({ outputDim: inputDim, parameters: { slope: { shape: [inputDim], init: slope } } }),
  forward({ x, y, rows, parameters }) {
    const slopes = parameters.slope!.data;
    for (let row = 0; row < rows; row++)
      for (let j = 0; j < x.cols; j++) {
        const value = x.data[row * x.stride + j]!;
        y.data[row * y.stride + j] = value > 0 ? value : slopes[j]! * value;
      }
  },
  backward({ x, dX, dY, rows, parameters, gradients }) {
    const slopes = parameters.slope!.data;
    const dSlopes = gradients.slope!.data.fill(0); // it holds the numbers of the batch before
    for (let row = 0; row < rows; row++)
      for (let j = 0; j < x.cols; j++) {
        const value = x.data[row * x.stride + j]!;
        const dOut = dY.data[row * dY.stride + j]!;
        dX.data[row * dX.stride + j] = value > 0 ? dOut : slopes[j]! * dOut;
        if (value <= 0) dSlopes[j]! += dOut * value;
      }
  },
});

// 2. Data: the rating of a drink depends on the user's taste, on its temperature, and on chance.
let state = 1;
function random(n: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * n);
}
const rows = Array.from({ length: 3000 }, () => ({
  user: `user ${random(40)}`,
  drink: `drink ${random(30)}`,
  hot: random(2) === 1,
}));
const ratings = rows.map(({ user, drink, hot }) => {
  const likes = Number(user.slice(5)) % 3 === Number(drink.slice(6)) % 3;
  return (likes ? 4 : 2) + (hot === likes ? 0.5 : -0.5) + (random(101) - 50) / 100;
});

// 3. Check the backward pass by a finite difference. `partialFit` returns the loss before its step, and a
//    step of SGD with the learning rate 1 subtracts the gradient. So the change of all slopes together must
//    be the derivative of the loss by the slope. Here the gradient also passes through a second PReLU.
const options = { embeddingDim: 8, initStd: 0.5, optimizer: new SGD({ learningRate: 1 }), seed: 1 };
function step(slope: number): { loss: number; gradient: number } {
  const layers = [new Dense(8), prelu(slope), new Dense(8), prelu()];
  const model = new NFM({ ...options, layers });
  const loss = model.partialFit(rows.slice(0, 100), ratings.slice(0, 100));
  const slopes = model.tensor("layers.1.slope").data;
  return { loss, gradient: slopes.reduce((sum, after) => sum + Math.fround(slope) - after, 0) };
}
const h = 1e-3;
const difference = (step(0.25 + h).loss - step(0.25 - h).loss) / (2 * h);
console.log(`gradient ${step(0.25).gradient.toFixed(4)}, finite difference ${difference.toFixed(4)}`);

// 4. Train a model with this layer and one with the built-in ReLU.
const train = { x: rows.slice(0, 2400), y: ratings.slice(0, 2400) };
const test = { x: rows.slice(2400), y: ratings.slice(2400) };
const layers = [new Dense(16), prelu()];
const own = new NFM({ layers, seed: 1 });
const builtIn = new NFM({ layers: [new Dense(16), new Activation("relu")], seed: 1 });
for (const [name, model] of Object.entries({ PReLU: own, ReLU: builtIn })) {
  await model.fit(train.x, train.y, { epochs: 30 });
  const { rmse } = model.evaluate(test.x, test.y, { metrics: ["rmse"] });
  console.log(`RMSE with ${name}: ${rmse.toFixed(3)}`);
}

// 5. Save and load. The file holds the learned slopes and the layer's `type`, but no code. So whoever loads
//    it passes the layers again, in the same order. The same holds for `Predictor.load`.
const file = own.save();
const same = NFM.load(file, { layers }).predict(rows[0]!) === own.predict(rows[0]!);
console.log(`Loaded with its layers, it predicts ${same ? "the same" : "another"} number.`);
try {
  NFM.load(file);
} catch (error) {
  console.log(`Loaded without them: ${(error as Error).message}`);
}
