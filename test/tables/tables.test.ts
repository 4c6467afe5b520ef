// Tables of apache-arrow, flechette and Arquero, made by the libraries themselves, give the same bits as an array
// of feature maps. They compile as rows without a cast.

import * as flechette from "@uwdata/flechette";
import {
  DateDay,
  DateMillisecond,
  Decimal,
  Field,
  Int64,
  List,
  Table,
  TimestampMicrosecond,
  tableFromArrays,
  tableFromIPC,
  tableToIPC,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import * as aq from "arquero";
import { describe, expect, it } from "vitest";
import { Columns } from "../../src/data/columns.ts";
import { checkRows } from "../../src/data/rows.ts";
import { FeatureEncoder, NFM, Recommender, type RowsOf } from "../../src/index.ts";

const COUNT = 80;
const rows = Array.from({ length: COUNT }, (_, i) => ({
  user: `u${i % 7}`,
  item: i % 5 === 3 ? null : `i${i % 5}`,
  price: ((i * 37) % 11) / 4 + 0.25,
  discount: i % 4 === 0 ? null : (i % 3) / 2,
  member: i % 3 === 0,
  tags: i % 6 === 0 ? null : [`t${i % 3}`, "all"],
}));
type Row = (typeof rows)[number];
const labels = rows.map((_, i) => ((i * 7) % 4) - 2);
const column = <F extends keyof Row>(field: F): Row[F][] => rows.map((row) => row[field]);

const arrow = new Table({
  user: vectorFromArray(column("user")),
  item: vectorFromArray(column("item"), new Utf8()),
  price: vectorFromArray(Float64Array.from(column("price"))),
  discount: vectorFromArray(column("discount")),
  member: vectorFromArray(column("member")),
  tags: vectorFromArray(column("tags"), new List(new Field("item", new Utf8()))),
});
const parts = new Table([...arrow.slice(0, 30).batches, ...arrow.slice(30).batches]);
const bytes = tableToIPC(parts);
const plain = aq.from(rows, ["user", "item", "price", "discount", "member", "tags"]);

const TABLES: readonly [string, RowsOf<Row>][] = [
  ["an Arrow table", arrow],
  ["an Arrow table in parts", parts],
  ["an Arrow table from bytes", tableFromIPC(bytes)],
  ["a slice of an Arrow table", arrow.concat(arrow).slice(COUNT)],
  ["a flechette table", flechette.tableFromIPC(bytes)],
  ["an Arquero table", plain],
  ["an Arquero table from Arrow", aq.fromArrow(bytes)],
  [
    "an Arquero table with a filter and an order",
    plain
      .concat(plain)
      .derive({ row: () => aq.op.row_number() })
      .filter((d: { row: number }) => d.row <= 80)
      .orderby(aq.desc("row"))
      .orderby("row")
      .select("user", "item", "price", "discount", "member", "tags"),
  ],
  ["a grouped Arquero table", plain.groupby("user")],
];

describe.each(TABLES)("%s", (_, table) => {
  it("is the same model as an array of maps", async () => {
    const options = { embeddingDim: 4, hiddenUnits: [3], seed: 3 };
    const [model, expected] = [new NFM(options), new NFM(options)];
    const run = { epochs: 2, batchSize: 16, validation: 0.25, groups: "user" };
    await model.fit(table, labels, run);
    await expected.fit(rows, labels, run);
    expect(model.save({ optimizer: true })).toEqual(expected.save({ optimizer: true }));
    expect(model.predict(table)).toEqual(expected.predict(rows));
    expect(model.evaluate(table, labels)).toEqual(expected.evaluate(rows, labels));
    expect(model.rank({ place: "here" }, table)).toEqual(expected.rank({ place: "here" }, rows));
  });

  it("and the same encoder", () => {
    const [encoder, expected] = [new FeatureEncoder(), new FeatureEncoder()];
    expect(encoder.fitTransform(table)).toEqual(expected.fitTransform(rows));
    expect(JSON.stringify(encoder)).toBe(JSON.stringify(expected));
  });
});

describe("the order and the filter of an Arquero table", () => {
  it("are those of its rows", () => {
    const table = plain.filter((d: { price: number }) => d.price > 1).orderby(aq.desc("price"), "user");
    const encoder = new FeatureEncoder().fit(rows);
    expect(encoder.transform(table)).toEqual(encoder.transform(table.objects() as Row[]));
    expect(table.numRows()).toBeLessThan(COUNT);
  });
});

describe("a catalog", () => {
  it("may be a table of Arrow with ids of 64 bits, which are text", () => {
    const items = tableFromArrays({ item: BigInt64Array.of(7n, 8n, 9n), price: Float64Array.of(1, 2, 3) });
    expect(new Recommender(new NFM({ loss: "bpr" }), items).ids).toEqual(["7", "8", "9"]);
  });
});

describe("values", () => {
  const valuesOf = (table: unknown): unknown[] =>
    [...(checkRows(table, "x") as Columns).data[0]] as unknown[];

  it("of Arrow become values of feature maps", () => {
    const when = [new Date(0), null, new Date(86_400_000 * 3)];
    for (const type of [new DateDay(), new DateMillisecond()])
      expect(valuesOf(new Table({ when: vectorFromArray(when, type) }))).toEqual(when);
    const micro = vectorFromArray([0, null, 1e9], new TimestampMicrosecond());
    expect(valuesOf(new Table({ micro }))).toEqual([new Date(0), null, new Date(1e9)]);
    const ids = vectorFromArray([1n, null, 2n ** 60n], new Int64());
    expect(valuesOf(new Table({ ids }))).toEqual([1n, null, 2n ** 60n]);
    const decimals = vectorFromArray([Uint32Array.of(125, 0, 0, 0), null], new Decimal(2, 10, 128));
    expect(valuesOf(new Table({ decimals }))).toEqual([1.25, null]);
    const structs = vectorFromArray([
      { fat: 0.5, salt: 1 },
      { fat: 2, salt: 0 },
    ]);
    expect(valuesOf(new Table({ structs }))).toEqual([
      { fat: 0.5, salt: 1 },
      { fat: 2, salt: 0 },
    ]);
  });

  it("of flechette are the same", () => {
    const when = [new Date(0), null, new Date(1e12)];
    expect(valuesOf(flechette.tableFromArrays({ when }))).toEqual(when);
    const lists = [["a"], null, ["b", "c"]];
    expect(valuesOf(flechette.tableFromArrays({ lists }))).toEqual(lists);
    const ids = flechette.tableFromArrays({ ids: BigInt64Array.of(1n, 2n) });
    expect(valuesOf(ids)).toEqual([1, 2]);
  });

  it("without nulls are the memory of the table and no copy", () => {
    const price = Float64Array.of(1, 2, 3);
    const table = new Table({ price: vectorFromArray(price) });
    const columns = checkRows(table, "x") as Columns;
    expect(columns).toBeInstanceOf(Columns);
    expect((columns.data[0] as Float64Array).buffer).toBe(table.getChild("price")!.data[0].values.buffer);
  });
});
