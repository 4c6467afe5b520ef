// Held-out groups and ranking metrics against their definitions, in evaluate and during fit.

import { describe, expect, it } from "vitest";
import { randomKey, randomPermutation, Stream } from "../../src/core/random.ts";
import { Adagrad, type FeatureMap, type Metric, NFM } from "../../src/index.ts";
import { lossByName, type PairwiseLoss } from "../../src/losses.ts";
import { PairSampler } from "../../src/training/datasets/pair-sampler.ts";
import {
  bytes,
  DATA,
  groupNumbers,
  literalMetrics,
  MATRIX,
  PAIRWISE,
  SMALL,
  table,
  tensors,
} from "../helpers/groups.ts";

const RANKING: readonly Metric[] = ["ndcg@10", "group-auc", "mrr"];

describe("evaluate with groups", () => {
  it.each([
    "bpr",
    "squared",
  ] as const)("is what the definitions make of the predictions, %s loss", async (loss) => {
    const model = new NFM({ ...SMALL, loss });
    await model.fit(DATA.maps, DATA.y, { groups: DATA.groups, epochs: 2 });
    const fresh = table(200, 13, 2);
    const maps = [...fresh.maps, ...fresh.maps.slice(0, 40)]; // ties, in the same groups
    const y = [...fresh.y, ...fresh.y.slice(10, 50)].map((label) => label - 3); // most of them not relevant
    const groups = [...fresh.groups, ...fresh.groups.slice(0, 40)];
    const got = model.evaluate(maps, y, { metrics: RANKING, groups });
    const expected = literalMetrics(model.predict(maps), y, groups);
    expect(Object.keys(got)).toEqual(RANKING);
    for (const [metric, value] of Object.entries(expected))
      expect(got[metric], metric).toBeCloseTo(value, 10);
    expect(new Set(Object.values(expected).concat(1)).size).toBe(4);
    expect(model.evaluate(maps, y, { metrics: RANKING, groups: groupNumbers(groups) })).toEqual(got);
  });

  it("has ranking metrics among the defaults, and needs groups for them", async () => {
    const model = new NFM({ ...SMALL, loss: "bpr" });
    await model.fit(DATA.maps, DATA.y, { groups: DATA.groups, epochs: 1 });
    expect(Object.keys(model.evaluate(DATA.maps, DATA.y, { groups: DATA.groups }))).toEqual([
      "ndcg@10",
      "group-auc",
    ]);
    expect(() => model.evaluate(DATA.maps, DATA.y, { metrics: ["mrr"] })).toThrow(
      new TypeError('evaluate: "mrr" needs to know which rows are ranked together; pass groups as well'),
    );
    expect(() => model.evaluate(DATA.maps, DATA.y, { metrics: ["mrr"], groups: [1] })).toThrow(
      new RangeError("evaluate: groups.length must be the number of rows of x (90), got 1"),
    );
    expect(() =>
      model.evaluate(DATA.maps, DATA.y, { metrics: ["mrr"], group: DATA.groups } as object),
    ).toThrow('evaluate has no option "group"; it has metrics, groups');
    expect(() =>
      model.evaluate(
        DATA.maps,
        DATA.y.map(() => 0),
        { metrics: ["mrr"], groups: DATA.groups },
      ),
    ).toThrow('evaluate: "mrr" needs a group with a label above 0 in y, got none in 11 groups');
  });
});

describe("validation of groups", () => {
  it("as a share holds out whole groups, the same under the same seed", async () => {
    const rows = DATA.maps.map((map, i) => ({ ...map, row: `r${i}` }));
    for (const loss of ["bpr", "squared"] as const) {
      const keptBy = async (seed: number): Promise<string[]> => {
        const model = new NFM({ ...SMALL, loss, seed });
        const { epochs } = await model.fit(rows, DATA.y, {
          groups: DATA.groups,
          epochs: 1,
          validation: 0.3,
          metrics: RANKING,
        });
        const kept = rows.flatMap((_, i) =>
          model.encoder!.index(`row=r${i}`) === undefined ? [] : [DATA.groups[i]],
        );
        const heldOut = rows.map((_, i) => i).filter((i) => model.encoder!.index(`row=r${i}`) === undefined);
        expect(heldOut.filter((i) => kept.includes(DATA.groups[i]))).toEqual([]);
        expect(new Set(kept).size).toBe(8); // 3 of 11 groups are held out
        const apart = model.evaluate(
          heldOut.map((i) => rows[i]),
          heldOut.map((i) => DATA.y[i]),
          { metrics: RANKING, groups: heldOut.map((i) => DATA.groups[i]) },
        );
        expect(epochs[0].validation).toMatchObject(apart);
        return [...new Set(kept)];
      };
      expect(await keptBy(1)).toEqual(await keptBy(1));
      expect(await keptBy(1)).not.toEqual(await keptBy(2));
    }
  });

  it("trains on what is kept as if the rest were not there", async () => {
    const split = new NFM({ ...SMALL, loss: "bpr" });
    await split.fit(MATRIX.x, DATA.y, {
      groups: DATA.groups,
      epochs: 2,
      batchSize: 8,
      validation: 0.3,
      restoreBest: false,
    });
    const order = randomPermutation(randomKey(7, Stream.split), 11);
    const kept = DATA.y.flatMap((_, i) => (order.subarray(0, 3).includes(MATRIX.groups[i]) ? [] : [i]));
    const alone = new NFM({ ...SMALL, loss: "bpr", numFeatures: MATRIX.x.cols });
    await alone.fit(
      MATRIX.x.take(kept),
      kept.map((i) => DATA.y[i]),
      { groups: kept.map((i) => DATA.groups[i]), epochs: 2, batchSize: 8 },
    );
    expect(tensors(split)).toEqual(tensors(alone));
  });

  it("measures what evaluate does, watches the monitor, runs out of patience and returns to the best epoch", async () => {
    const held = table(60, 6, 5);
    for (const monitor of [undefined, "mrr", "loss"] as const) {
      const model = new NFM({ ...SMALL, loss: "bpr", optimizer: new Adagrad({ learningRate: 0.3 }) });
      const files: Uint8Array[] = [];
      const measured: Record<string, number>[] = [];
      const history = await model.fit(DATA.maps, DATA.y, {
        groups: DATA.groups,
        epochs: 60,
        batchSize: 16,
        patience: 3,
        metrics: ["ndcg@10", "group-auc"],
        ...(monitor && { monitor }),
        validation: { x: held.maps, y: held.y, groups: held.groups },
        onEpoch: () => {
          files.push(bytes(model));
          measured.push(
            model.evaluate(held.maps, held.y, {
              metrics: monitor === "mrr" ? RANKING : RANKING.slice(0, 2),
              groups: held.groups,
            }),
          );
        },
      });
      history.epochs.forEach(({ validation }, e) =>
        expect(validation).toEqual({ loss: validation!.loss, ...measured[e] }),
      );
      const course = history.epochs.map(({ validation }) => validation![monitor ?? "ndcg@10"]);
      const best = monitor === "loss" ? Math.min(...course) : Math.max(...course);
      expect(history.bestEpoch).toBe(course.indexOf(best) + 1);
      expect([history.stopped, history.epochs.length]).toEqual(["patience", history.bestEpoch! + 3]);
      expect(bytes(model)).toEqual(files[history.bestEpoch! - 1]);
    }
  });

  it("has a loss over the same pairs after every epoch: those of an epoch 1 of the held-out rows", async () => {
    const held = table(60, 6, 5);
    const pairs = new PairSampler(Float32Array.from(held.y), groupNumbers(held.groups), 2, 7);
    for (const loss of PAIRWISE) {
      const model = new NFM({ ...SMALL, loss });
      await model.fit(DATA.maps, DATA.y, {
        groups: DATA.groups,
        epochs: 3,
        batchSize: 16,
        pairsPerRow: 2,
        validation: { x: held.maps, y: held.y, groups: held.groups },
        onEpoch: ({ validation }) => {
          const s = model.predict(held.maps);
          let sum = 0;
          for (let p = 0; p < pairs.count; p++)
            sum += (lossByName(loss) as PairwiseLoss).value(s[pairs.better(p)] - s[pairs.worse(p, 1)]);
          expect(validation!.loss).toBeCloseTo(sum / pairs.count, 12);
        },
      });
    }
  });

  it("goes with pointwise losses too, which train as if there were no groups", async () => {
    const clicks = DATA.y.map((label) => (label > 2 ? 1 : 0));
    for (const [loss, y] of [
      ["squared", DATA.y],
      ["log", clicks],
    ] as const) {
      const [grouped, plain] = [new NFM({ ...SMALL, loss }), new NFM({ ...SMALL, loss })];
      const validation = { x: DATA.maps.slice(0, 30), y: y.slice(0, 30), groups: DATA.groups.slice(0, 30) };
      const history = await grouped.fit(DATA.maps, y, {
        groups: DATA.groups,
        epochs: 2,
        validation,
        restoreBest: false,
      });
      await plain.fit(DATA.maps, y, { epochs: 2 });
      expect(bytes(grouped)).toEqual(bytes(plain));
      expect(history.skipped).toBe(0);
      const names = loss === "log" ? ["logloss", "auc", "accuracy"] : ["rmse", "mae"];
      expect(Object.keys(history.epochs[1].validation!)).toEqual(["loss", ...names, "ndcg@10", "group-auc"]);
      expect(history.epochs[1].validation).toMatchObject(literalOf(grouped, validation));
    }
    function literalOf(
      model: NFM,
      { x, y, groups }: { x: FeatureMap[]; y: readonly number[]; groups: string[] },
    ): Record<string, unknown> {
      const { "ndcg@10": ndcg, "group-auc": auc } = literalMetrics(
        model.predict(x, { raw: true }),
        y,
        groups,
      );
      return {
        "ndcg@10": expect.closeTo(ndcg, 10) as number,
        "group-auc": expect.closeTo(auc, 10) as number,
      };
    }
  });
});

describe("evaluate without groups", () => {
  it("refuses a pairwise loss whose labels can give nothing else", () => {
    const model = new NFM({ numFeatures: 3, loss: "bpr" });
    const rows = [0, 1, 2].map((i) => ({ indices: [i] }));
    expect(() => model.evaluate(rows, [0, 1, 2])).toThrow(
      "evaluate: the bpr loss ranks rows within groups; pass groups, or metrics that these labels can give",
    );
    expect(Object.keys(model.evaluate(rows, [0, 1, 1]))).toEqual(["auc"]);
    expect(Object.keys(model.evaluate(rows, [0, 1, 2], { groups: ["q", "q", "q"] }))).toEqual([
      "ndcg@10",
      "group-auc",
    ]);
  });
});
