// A listwise loss on labelled groups: steps against central differences of a float64 reference, what a loss
// of one's own sees, and what is learned where the best order is known.

import { describe, expect, it } from "vitest";
import { CSRMatrix, type ListwiseLoss, NFM, SGD } from "../../../src/index.ts";
import { softmax } from "../../../src/losses.ts";
import { LabeledLists } from "../../../src/training/datasets/lists.ts";
import { datasetOf, drawTensors, gradientsOf, makeTrainer, watch } from "../../helpers/trainers.ts";
import { differences, numbers, type Row, scores } from "../../reference.ts";

const N = 8;
const GROUPS = [0, 1, 0, 2, 1, 0, 3, 2, 1];
const LABELS = [2, 0, 0, 1, 3, 1, 5, 1, 1];
const next = numbers(3);
const ROWS: readonly Row[] = GROUPS.map((_, i) => {
  const indices = [i % 4, 4 + (i % 3)];
  return { indices, values: indices.map(() => Math.fround(next(0.5, 1.5))) };
});

/** ListNet: the cross entropy of two softmax distributions (Cao et al. 2007, section 4.2), over the groups. */
function listNet(scored: readonly number[], which: readonly number[]): number {
  const losses = which.map((group) => {
    const rows = GROUPS.flatMap((own, row) => (own === group ? [row] : []));
    const total = (of: (row: number) => number): number =>
      rows.reduce((sum, row) => sum + Math.exp(of(row)), 0);
    const [labels, predicted] = [total((row) => LABELS[row]), total((row) => scored[row])];
    return rows.reduce((sum, row) => {
      return sum - (Math.exp(LABELS[row]) / labels) * Math.log(Math.exp(scored[row]) / predicted);
    }, 0);
  });
  return losses.reduce((a, b) => a + b) / losses.length;
}

describe("labelled groups", () => {
  it("have the gradients of ListNet; groups without two different labels are skipped", () => {
    const options = { numFeatures: N, embeddingDim: 3, layers: [], loss: "softmax", l2: {} } as const;
    const { trainer, parameters } = makeTrainer({ ...options, optimizer: new SGD({ learningRate: 0 }) });
    const tensors = drawTensors(parameters, numbers(7), () => [-1, 1]);
    const source = new LabeledLists("test: ", softmax, {
      x: CSRMatrix.fromRows(ROWS, N),
      targets: Float32Array.from(LABELS),
      weights: null,
      groups: Uint32Array.from(GROUPS),
    });
    const watched = watch(datasetOf(source, N));
    expect([watched.dataset.size, watched.dataset.skipped]).toEqual([2, 2]); // groups 2 and 3
    const reference = (): number => listNet(scores(tensors, 3, [], ROWS, true), [0, 1]);
    const loss = trainer.step(watched.dataset, null, 0, 2);
    expect(loss).toBeCloseTo(reference(), 5);
    for (const [name, got] of gradientsOf(trainer, watched.batch())) {
      if (name === "bias") continue;
      differences(tensors.get(name)!, reference).forEach((slope, i) => {
        expect(Math.abs(got[i] - slope), `${name}[${i}]`).toBeLessThan(1e-3 * Math.abs(slope) + 1e-5);
      });
    }
  });

  it("w0 does not move by a bit, and the order of the groups' labels is learned", async () => {
    const rows = Array.from({ length: 400 }, (_, i) => ({
      query: `q${i % 40}`,
      level: `l${(i + Math.floor(i / 40)) % 5}`,
    }));
    const labels = rows.map(({ level }) => Number(level.slice(1)));
    const model = new NFM({ loss: "softmax", embeddingDim: 4, hiddenUnits: [4], seed: 3 });
    const groups = "query";
    const history = await model.fit(rows, labels, { groups, epochs: 10, validation: false });
    expect(history.epochs[9].loss).toBeLessThan(history.epochs[0].loss);
    expect(model.tensor("bias").data[0]).toBe(0);
    expect(model.evaluate(rows, labels, { groups, metrics: ["ndcg@10"] })["ndcg@10"]).toBeGreaterThan(0.99);
  });

  it("give a loss of one's own the scores and the shares of each list", async () => {
    const seen: string[] = [];
    const own: ListwiseLoss = {
      kind: "listwise",
      name: "own",
      evaluate(scored, shares, gradient) {
        seen.push(
          `${scored.length} rows, shares ${Array.from(shares, (share) => share.toFixed(3)).join(" ")}`,
        );
        return softmax.evaluate(scored, shares, gradient);
      },
    };
    const run = { epochs: 2, validation: false, shuffle: false } as const;
    const models = await Promise.all(
      [own, "softmax" as const].map(async (loss) => {
        const model = new NFM({ loss, embeddingDim: 4, seed: 1 });
        await model.fit(
          GROUPS.map((group, i) => ({ a: `a${group}`, b: `b${i % 3}` })),
          LABELS,
          { ...run, groups: GROUPS },
        );
        return model;
      }),
    );
    expect(models[0].tensor("embedding.weight")).toEqual(models[1].tensor("embedding.weight"));
    const share = (labels: readonly number[]): string => {
      const total = labels.reduce((sum, label) => sum + Math.exp(label), 0);
      return labels.map((label) => (Math.exp(label) / total).toFixed(3)).join(" ");
    };
    expect(seen.slice(0, 2)).toEqual([
      `3 rows, shares ${share([2, 0, 1])}`,
      `3 rows, shares ${share([0, 3, 1])}`,
    ]);
  });

  it("have a validation loss: that of ListNet over the held-out groups, after every epoch", async () => {
    const maps = GROUPS.map((_, i) => ({ a: `a${i % 4}`, b: `b${i % 3}` }));
    const model = new NFM({ loss: "softmax", embeddingDim: 4, hiddenUnits: [4], seed: 2 });
    let checks = 0;
    await model.fit(maps, LABELS, {
      groups: GROUPS,
      epochs: 3,
      validation: { x: maps, y: LABELS, groups: GROUPS },
      onEpoch: ({ validation }) => {
        checks++;
        expect(validation!.loss).toBeCloseTo(listNet(Array.from(model.predict(maps)), [0, 1]), 6);
        expect(Object.keys(validation!)).toEqual(["loss", "ndcg@10", "group-auc"]);
      },
    });
    expect(checks).toBe(3);
    const alike = { x: maps, y: maps.map(() => 1), groups: GROUPS };
    await expect(model.fit(maps, LABELS, { groups: GROUPS, validation: alike })).rejects.toThrow(
      "fit: validation.groups must have two rows of different labels in some group, got none in 4 groups",
    );
    await expect(
      model.fit(maps, LABELS, { groups: GROUPS, validation: { x: maps, y: LABELS } }),
    ).rejects.toThrow(
      "fit: validation.groups is needed: the softmax loss compares the rows of a group; pass groups",
    );
  });

  it("are held out as whole groups by themselves, from 1,000 rows on", async () => {
    const rows = Array.from({ length: 1200 }, (_, i) => ({ level: `l${(i * 7 + Math.floor(i / 30)) % 5}` }));
    const labels = rows.map(({ level }) => Number(level.slice(1)));
    const groups = rows.map((_, i) => Math.floor(i / 30));
    const told: string[] = [];
    const onNotice = ({ message }: { message: string }): void => void told.push(message);
    const model = new NFM({ loss: "softmax", embeddingDim: 4, hiddenUnits: [4], seed: 3, onNotice });
    const { checks } = await model.fit(rows, labels, { groups });
    expect(told[0]).toContain("120 of 1,200 rows (4 of 40 groups) were held out");
    expect(checks.length).toBeGreaterThan(1);
  });

  it("are refused without groups, or if every group has one label", async () => {
    const model = new NFM({ loss: "softmax" });
    await expect(model.fit([{ a: "x" }], [1])).rejects.toThrow(
      "fit: the softmax loss is listwise; pass groups, or use fitPairs, or another loss",
    );
    await expect(model.fit([{ a: "x" }, { a: "y" }], [1, 1], { groups: [0, 0] })).rejects.toThrow(
      "fit: groups must have two rows of different labels in some group, got none in 1 groups",
    );
    expect(() => model.partialFit([{ a: "x" }], [1])).toThrow("partialFit: the softmax loss is listwise");
  });
});

describe("the softmax loss of a list", () => {
  const evaluate = (scored: number[], shares: number[]): { value: number; gradient: number[] } => {
    const gradient = new Float64Array(scored.length);
    const value = softmax.evaluate(Float64Array.from(scored), Float64Array.from(shares), gradient);
    return { value, gradient: Array.from(gradient) };
  };

  it("is the cross entropy, and its gradient the difference of the distributions", () => {
    const { value, gradient } = evaluate([1, 2, 0.5], [0, 1, 0]);
    const total = Math.exp(1) + Math.exp(2) + Math.exp(0.5);
    expect(value).toBeCloseTo(Math.log(total) - 2, 8);
    [Math.exp(1), Math.exp(2) - total, Math.exp(0.5)].forEach((part, i) => {
      expect(gradient[i]).toBeCloseTo(part / total, 8);
    });
  });

  it("is finite at any score", () => {
    expect(evaluate([1e30, -1e30], [0, 1]).value).toBe(2e30);
    expect(evaluate([-1e30, 1e30], [0, 1])).toEqual({ value: 0, gradient: [0, 0] });
    expect(evaluate([-5e4, -5e4], [0.5, 0.5]).value).toBeCloseTo(Math.log(2), 8);
    expect(evaluate([3], [1])).toEqual({ value: 0, gradient: [0] });
    expect(evaluate([Number.NaN, 1], [0, 1]).gradient[0]).toBeNaN();
  });
});
