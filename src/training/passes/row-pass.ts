// Scores each row of a batch by itself, as prediction does. Datasets that name no other pass get this one.

import type { Kernels } from "../../kernels/kernels.ts";
import { biInteractionBackward } from "../../layers/bi-interaction.ts";
import { linearBackward } from "../../layers/embedding.ts";
import type { MakePass } from "../pass.ts";

/** Makes the pass that scores each row by itself. */
export const makeRowPass: MakePass = ({ network, dScores, dPooled, gradientOf, backwardLayers }) => {
  const { batch, parameters, scores, sums } = network;
  const { memory, embedding, linear } = parameters;
  return {
    scores,
    dScores,
    rowsOf: ({ rows }) => rows,
    reserve() {},
    work: () => 3 * network.work(batch.rows),
    forward() {
      network.forward(true);
    },
    backward() {
      const kernels = memory.kernels as Kernels;
      backwardLayers(batch.rows);
      biInteractionBackward(kernels, batch, embedding.value, sums, dPooled, gradientOf(embedding));
      linearBackward(kernels, batch, dScores, gradientOf(linear));
    },
  };
};
