// The memory of a model: what stays, what moves and what is zero when tensors are added, grow and shrink.

import { afterEach, describe, expect, it, vi } from "vitest";
import type { Tensor } from "../../src/core/tensor.ts";
import { type Integers, Memory } from "../../src/kernels/memory.ts";
import { trainingKernels } from "../../src/kernels/training.ts";
import { scratchOf } from "../../src/kernels/wasm/space.ts";
import { ENGINES } from "../helpers/engines.ts";
import { numbers } from "../reference.ts";

const BACKENDS = ["js", "wasm"] as const;
const TOO_MANY = 2 ** 23; // rows of 1024 columns: 32 GiB, more than a WebAssembly memory or a typed array can have

/** Writes 1, 2, 3, ... into a whole tensor, padding included. */
function count(x: Tensor | Integers): void {
  for (let i = 0; i < x.data.length; i++) x.data[i] = i + 1;
}

const counted = (length: number, kept: number = length): number[] =>
  Array.from({ length }, (_, i) => (i < kept ? i + 1 : 0));
const contents = (x: Tensor | Integers): number[] => Array.from(x.data);

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe.each(BACKENDS)("a memory on %s", (backend) => {
  const place = (x: Tensor | Integers): unknown => (backend === "wasm" ? x.data.byteOffset : x.data);

  it("gives tensors their shape at once, and zeros from the next commit on", () => {
    const memory = new Memory(backend);
    const [x, w, n] = [
      memory.allocate(3, 5),
      memory.allocate(7, 1, { stride: 1 }),
      memory.allocateIntegers(6),
    ];
    expect([x.rows, x.cols, x.stride, x.data.length]).toEqual([3, 5, 8, 0]);
    expect([w.data.length, n.data.length]).toEqual([0, 0]);
    memory.commit();
    expect([contents(x), contents(w), contents(n)]).toEqual(
      [24, 7, 6].map((length) => Array(length).fill(0)),
    );
    expect([w.rows, w.cols, w.stride]).toEqual([7, 1, 1]);
    expect([x.data, w.data, n.data].map((data) => data.constructor)).toEqual([
      Float32Array,
      Float32Array,
      Uint32Array,
    ]);
    expect(memory.backend).toBe(backend);
  });

  it("starts every tensor on a 16-byte boundary, behind address 0", () => {
    const memory = new Memory(backend);
    const all = [1, 2, 3, 5].flatMap((n) => [
      memory.allocate(n, 1, { stride: 1, lasting: n % 2 === 0 }),
      memory.allocateIntegers(n),
    ]);
    memory.commit();
    for (const { data } of all) expect(data.byteOffset % 16).toBe(0);
    if (backend === "wasm") for (const { data } of all) expect(data.byteOffset).toBeGreaterThanOrEqual(16);
    expect(new Set(all.map(place)).size).toBe(all.length);
  });

  it("changes rows only on commit, and the last request counts", () => {
    const memory = new Memory(backend);
    const x = memory.allocate(2, 4, { lasting: true });
    memory.resize(x, 3);
    memory.commit();
    expect([x.rows, x.data.length]).toEqual([3, 12]);
    const { data } = x;
    memory.resize(x, 9);
    memory.resize(x, 5);
    expect([x.rows, x.data]).toEqual([3, data]);
    memory.commit();
    expect([x.rows, x.data.length]).toEqual([5, 20]);
    const y = memory.allocate(3, 4);
    memory.resize(y, 0);
    expect(y.rows).toBe(3);
    memory.commit();
    expect([y.rows, y.data.length]).toEqual([0, 0]);
  });

  it("leaves everything alone when nothing was asked for", () => {
    const memory = new Memory(backend);
    const all = [memory.allocate(3, 4, { lasting: true }), memory.allocate(3, 3), memory.allocateIntegers(5)];
    memory.commit();
    all.forEach(count);
    const before = all.map(({ data }) => data);
    memory.commit();
    memory.resize(all[0], 3);
    memory.resize(all[2], 5);
    memory.commit();
    all.forEach(({ data }, i) => expect(data).toBe(before[i]));
    expect(all.map(contents)).toEqual([12, 12, 5].map((length) => counted(length)));
  });

  it("keeps tables in place while buffers are added and grow", () => {
    const memory = new Memory(backend);
    const buffer = memory.allocate(2, 8);
    const [v, state] = [
      memory.allocate(100, 8, { lasting: true }),
      memory.allocate(100, 8, { lasting: true }),
    ];
    memory.commit();
    [v, state].forEach(count);
    const before = [v, state].map(place);
    for (const rows of [3, 5000, 1, 200000]) {
      memory.resize(buffer, rows);
      const added = memory.allocate(rows, 4);
      const integers = memory.allocateIntegers(rows);
      memory.commit();
      [buffer, added, integers].forEach(count);
      for (const [i, x] of [v, state].entries()) {
        if (backend === "js") expect(place(x)).toBe(before[i]);
        expect(place(x)).toEqual(before[i]);
        expect(contents(x)).toEqual(counted(800));
      }
    }
  });

  it("leaves the buffers before a resized one alone, and gives zeros to the one that is resized", () => {
    const memory = new Memory(backend);
    const [a, b, c] = [memory.allocate(4, 4), memory.allocate(4, 4), memory.allocateIntegers(8)];
    memory.commit();
    [a, b, c].forEach(count);
    const { data } = a;
    memory.resize(b, 6);
    memory.commit();
    expect(a.data).toBe(data);
    expect(contents(a)).toEqual(counted(16));
    expect(contents(b)).toEqual(Array(24).fill(0));
    expect(contents(c)).toEqual(backend === "js" ? counted(8) : Array(8).fill(0));
  });

  it("grows a lasting tensor by doubling, and then within its spare rows", () => {
    const memory = new Memory(backend);
    const x = memory.allocate(10, 3, { lasting: true });
    const behind = memory.allocate(10, 4, { lasting: true });
    const buffer = memory.allocate(10, 4);
    memory.commit();
    [x, behind, buffer].forEach(count);
    const { buffer: exact } = x.data;
    memory.resize(x, 11); // capacity 20
    memory.commit();
    if (backend === "js") expect(x.data.buffer).not.toBe(exact);
    expect(contents(x)).toEqual(counted(44, 40));
    expect(contents(behind)).toEqual(counted(40));
    expect(contents(buffer)).toEqual(backend === "js" ? counted(40) : Array(40).fill(0));
    count(buffer);
    const [grown, start] = [x.data.buffer, place(behind)];
    for (const rows of [15, 20, 5, 20]) {
      count(x);
      const kept = Math.min(x.rows, rows);
      memory.resize(x, rows);
      memory.commit();
      expect(x.data.buffer).toBe(grown);
      expect(place(behind)).toBe(start);
      expect(contents(x)).toEqual(counted(4 * rows, 4 * kept));
      expect(contents(behind)).toEqual(counted(40));
      expect(contents(buffer)).toEqual(counted(40));
    }
    count(x);
    memory.resize(x, 1000); // more than twice as many: exactly what is needed, and behind moves there
    memory.commit();
    expect(contents(x)).toEqual(counted(4000, 80));
    expect(contents(behind)).toEqual(counted(40));
    if (backend === "wasm") expect(behind.data.byteOffset - x.data.byteOffset).toBe(16000);
    else expect(x.data.buffer.byteLength).toBe(16000);
  });

  it("takes exactly what is needed where there is no memory for spare rows", () => {
    const memory = new Memory(backend);
    const rows = 2 ** 20;
    const more = rows + 400000;
    const x = memory.allocate(rows, 4, { lasting: true }); // 16 MiB, to be 22; twice as much would be 32
    const behind = memory.allocate(1, 4, { lasting: true });
    memory.commit();
    [x, behind].forEach(count);
    if (backend === "wasm") {
      const grow = WebAssembly.Memory.prototype.grow;
      vi.spyOn(WebAssembly.Memory.prototype, "grow").mockImplementation(function (
        this: WebAssembly.Memory,
        pages,
      ) {
        if (pages > 60) throw new RangeError("too much");
        return grow.call(this, pages);
      });
    } else {
      vi.stubGlobal(
        "Float32Array",
        new Proxy(Float32Array, {
          construct(target, args: [number]) {
            if (args[0] > 6e6) throw new RangeError("too much");
            return Reflect.construct(target, args);
          },
        }),
      );
    }
    memory.resize(x, more);
    memory.commit();
    vi.unstubAllGlobals();
    expect(x.data.length).toBe(4 * more);
    const end = 4 * rows;
    const last = [end - 3, end - 2, end - 1, end];
    expect(x.data.subarray(end - 4, end + 4)).toEqual(Float32Array.of(...last, 0, 0, 0, 0));
    expect(x.data.subarray(end).every((value) => value === 0)).toBe(true);
    expect(contents(behind)).toEqual(counted(4));
    if (backend === "js") expect(x.data.buffer.byteLength).toBe(16 * more);
    else expect(behind.data.byteOffset - x.data.byteOffset).toBe(16 * more);
  });

  it("leaves no NaN behind in rows, padding and buffers after the layout has changed", () => {
    const memory = new Memory(backend);
    const lasting = [5, 1, 3].map((cols) =>
      memory.allocate(6, cols, { lasting: true, stride: cols === 1 ? 1 : undefined }),
    );
    const buffers = [memory.allocate(6, 5), memory.allocateIntegers(7)];
    memory.commit();
    for (let round = 0; round < 12; round++) {
      for (const x of [...lasting, ...buffers])
        new Uint32Array(x.data.buffer, x.data.byteOffset, x.data.length).fill(0x7fc00000);
      const [before, after] = [lasting[0].rows, [40, 2, 90, 0][round % 4]];
      for (const x of lasting) memory.resize(x, after);
      for (const x of buffers) memory.resize(x, [3, 50, 4][round % 3] + 2 * round);
      memory.commit();
      for (const x of lasting) {
        const kept = Math.min(before, after) * x.stride;
        expect(contents(x).map(Number.isNaN)).toEqual(
          Array.from({ length: after * x.stride }, (_, i) => i < kept),
        );
        expect(
          contents(x)
            .slice(kept)
            .every((value) => value === 0),
        ).toBe(true);
      }
      for (const x of buffers) expect(contents(x).every((value) => value === 0)).toBe(true);
    }
  });

  it("changes nothing at all when there is not enough memory, and forgets what was asked for", () => {
    const memory = new Memory(backend);
    const [v, buffer, integers] = [
      memory.allocate(4, 4, { lasting: true }),
      memory.allocate(3, 4),
      memory.allocateIntegers(5),
    ];
    const kernels = memory.addKernels(trainingKernels);
    memory.commit();
    const all = [v, buffer, integers];
    all.forEach(count);
    const before = all.map(({ data }) => data);
    const huge = memory.allocate(TOO_MANY, 1024);
    memory.resize(v, 5);
    memory.resize(buffer, 50);
    memory.resize(integers, 1);
    const reason = backend === "js" ? ".+" : "WebAssembly can address 4096 MiB, and the model needs 32768";
    const message = new RegExp(
      `^cannot allocate 32768 MiB for the model \\(${reason}\\); use fewer features \\(minCount, maxFeatures, hashBits\\), a smaller embeddingDim or batchSize, or an optimizer without state, such as SGD without momentum$`,
    );
    expect(() => memory.commit()).toThrow(message);
    for (let again = 0; again < 2; again++) {
      all.forEach(({ data }, i) => expect(data).toBe(before[i]));
      expect(all.map(contents)).toEqual([16, 12, 5].map((length) => counted(length)));
      expect([v.rows, buffer.rows, huge.data.length]).toEqual([4, 3, 0]);
      memory.commit();
    }
    expect([memory.backend, memory.kernels]).toEqual([backend, kernels]);
    expect(() => memory.resize(huge, 1)).toThrow("resize: the tensor does not belong to this memory");
    memory.resize(v, TOO_MANY * 256);
    expect(() => memory.commit()).toThrow(RangeError);
    memory.resize(v, 6); // and it goes on as if nothing had happened
    memory.commit();
    expect(contents(v)).toEqual(counted(24, 16));
  });

  it("knows its own tensors alone", () => {
    const memory = new Memory(backend);
    const other = memory.fork().allocate(1, 1);
    expect(() => memory.resize(other, 2)).toThrow("resize: the tensor does not belong to this memory");
  });

  it("has the kernels of prediction, and those of training when they are added; kernels stay the same object", () => {
    const memory = new Memory(backend);
    const { kernels } = memory;
    expect(kernels.name).toBe(backend);
    expect(kernels.adagrad).toBeUndefined();
    const [a, b, c] = [1, 2, 3].map(() => memory.allocate(2, 2));
    const h = memory.allocate(1, 2);
    memory.commit();
    [a, b].forEach(count);
    kernels.matmul(c, a, b, h, 0, 2);
    expect([c.data[0], c.data[1], c.data[4], c.data[5]]).toEqual([11, 14, 35, 46]);
    const all = memory.addKernels(trainingKernels);
    expect(all).toBe(kernels);
    expect(memory.addKernels(trainingKernels)).toBe(kernels);
    all.matmulTransposed(c, a, b, 2, 0, 2);
    expect([c.data[0], c.data[1], c.data[4], c.data[5]]).toEqual([26, 32, 32, 40]);
    memory.resize(memory.allocate(1, 1), 100000);
    memory.commit();
    expect(memory.kernels).toBe(kernels);
  });

  it("works with kernels that were taken before the first commit, and after growth", () => {
    const memory = new Memory(backend);
    const kernels = memory.addKernels(trainingKernels);
    const x = memory.allocate(3, 4, { lasting: true });
    const y = memory.allocate(3, 4);
    memory.commit();
    for (let round = 0; round < 3; round++) {
      count(x);
      kernels.multiply(y, x, x, 0, 3);
      expect(contents(y)).toEqual(counted(12).map((value) => value * value));
      memory.allocate(100000, 4, { lasting: round === 1 });
      memory.commit();
    }
  });

  it("forks into an empty memory that has the same kernels and shares no tensor", () => {
    const memory = new Memory(backend);
    memory.addKernels(trainingKernels);
    const x = memory.allocate(2, 4, { lasting: true });
    memory.commit();
    count(x);
    const fork = memory.fork();
    const y = fork.allocate(2, 4);
    const z = fork.allocate(2, 4);
    fork.commit();
    expect([fork.backend, fork.kernels.name]).toEqual([backend, backend]);
    count(y);
    fork.kernels.multiply!(z, y, y, 0, 2);
    expect(contents(z)).toEqual(counted(8).map((value) => value * value));
    expect(contents(x)).toEqual(counted(8));
    expect(Object.keys(fork.kernels).sort()).toEqual(Object.keys(memory.kernels).sort());
  });
});

describe("the kernels' tensors", () => {
  it("are refused by the SIMD kernels where they do not lie in the memory, rather than read from the wrong place", () => {
    const memory = new Memory("wasm");
    const kernels = memory.addKernels(trainingKernels);
    const x = memory.allocate(2, 4);
    memory.commit();
    const message =
      "kernels take the tensors of the pass or update alone: another one does not lie in the model's WebAssembly memory";
    expect(() =>
      kernels.multiply({ data: new Float32Array(8), rows: 2, cols: 4, stride: 4 }, x, x, 0, 2),
    ).toThrow(message);
    const stale = { ...x };
    memory.allocate(500000, 4);
    memory.commit();
    kernels.multiply(x, x, x, 0, 2);
    expect(() => kernels.multiply(stale, x, x, 0, 2)).toThrow(message);
  });
});

describe("choosing a backend", () => {
  /** The engine's WebAssembly with some of it exchanged. */
  function stub(exchanged: object): void {
    vi.stubGlobal("WebAssembly", {
      ...Object.fromEntries(
        Object.getOwnPropertyNames(WebAssembly).map((name) => [name, WebAssembly[name as "Module"]]),
      ),
      ...exchanged,
    });
  }

  it("takes WebAssembly where it runs, and what was asked for", () => {
    expect((["auto", "wasm", "js"] as const).map((requested) => new Memory(requested).backend)).toEqual([
      "wasm",
      "wasm",
      "js",
    ]);
  });

  it.each(
    ENGINES,
  )("takes plain JavaScript in silence %s, and says why when WebAssembly was asked for", (_, webAssembly, message) => {
    vi.stubGlobal("WebAssembly", webAssembly);
    expect(new Memory("auto").backend).toBe("js");
    expect(new Memory("auto").kernels.name).toBe("js");
    expect(() => new Memory("wasm")).toThrow(
      new Error(`backend: "wasm" cannot run here (${message}); use "auto" or "js"`),
    );
    expect(new Memory("js").backend).toBe("js");
  });

  it("compiles a probe alone at first, each set of kernels on first use, and none again for forks", () => {
    const sizes: number[] = [];
    stub({
      Module: new Proxy(WebAssembly.Module, {
        construct(target, args: [Uint8Array<ArrayBuffer>]) {
          sizes.push(args[0].length);
          return Reflect.construct(target, args);
        },
      }),
    });
    const memory = new Memory("auto");
    memory.allocate(1, 1);
    memory.commit();
    expect(sizes.length).toBe(1);
    expect(sizes[0]).toBeLessThan(100);
    expect(memory.kernels.name).toBe("wasm");
    expect(sizes.length).toBe(2);
    memory.addKernels(trainingKernels);
    expect(sizes.length).toBe(3);
    const fork = memory.fork().fork();
    fork.allocate(1, 1);
    fork.commit();
    expect(fork.addKernels(trainingKernels).name).toBe("wasm");
    new Memory("js").addKernels(trainingKernels);
    expect(sizes.length).toBe(3);
  });

  it("moves to plain JavaScript when WebAssembly has no memory at first, unless it was asked for", () => {
    stub({
      Memory: class {
        constructor() {
          throw new RangeError("could not allocate memory");
        }
      },
    });
    const memory = new Memory("auto");
    const early = memory.addKernels(trainingKernels);
    const x = memory.allocate(2, 4);
    memory.commit();
    expect([memory.backend, memory.kernels.name, contents(x)]).toEqual(["js", "js", Array(8).fill(0)]);
    expect(memory.kernels).not.toBe(early);
    expect(memory.fork().backend).toBe("js");
    const asked = new Memory("wasm");
    asked.allocate(2 ** 18, 4);
    expect(() => asked.commit()).toThrow(
      /^cannot allocate 4 MiB for the model \(could not allocate memory\); use fewer features/,
    );
    expect(asked.backend).toBe("wasm");
  });

  it("moves to plain JavaScript with all tensors when WebAssembly cannot grow, unless it was asked for", () => {
    vi.spyOn(WebAssembly.Memory.prototype, "grow").mockImplementation(() => {
      throw new RangeError("no more");
    });
    for (const requested of ["auto", "wasm"] as const) {
      const memory = new Memory(requested);
      memory.addKernels(trainingKernels);
      const [v, w] = [
        memory.allocate(3, 5, { lasting: true }),
        memory.allocate(3, 1, { lasting: true, stride: 1 }),
      ];
      const [buffer, resized, integers] = [
        memory.allocate(2, 4),
        memory.allocate(2, 4),
        memory.allocateIntegers(3),
      ];
      memory.commit();
      const all = [v, w, buffer, resized, integers];
      all.forEach(count);
      const before = all.map(({ data }) => data);
      const large = memory.allocate(500000, 4);
      memory.resize(v, 4);
      memory.resize(resized, 3);
      if (requested === "wasm") {
        expect(() => memory.commit()).toThrow(/^cannot allocate 8 MiB for the model \(no more\)/);
        all.forEach(({ data }, i) => expect(data).toBe(before[i]));
        continue;
      }
      memory.commit();
      expect([memory.backend, memory.kernels.name]).toEqual(["js", "js"]);
      expect(all.map(contents)).toEqual([
        counted(32, 24),
        counted(3),
        counted(8),
        Array(12).fill(0),
        counted(3),
      ]);
      expect([large.data.length, v.rows]).toEqual([2000000, 4]);
      memory.kernels.sgd!(
        { theta: w, state: null, gradient: w, rows: integers.data.fill(1), count: 1, l2: 0 },
        1,
        0,
      );
      expect(contents(w)).toEqual([1, 1, 3]);
      memory.resize(v, 8); // spare rows moved along
      const { buffer: own } = v.data;
      memory.commit();
      expect([contents(v), v.data.buffer === own]).toEqual([counted(64, 24), own.byteLength >= 256]);
    }
  });

  it("changes nothing when plain JavaScript has no memory either", () => {
    const memory = new Memory("auto");
    const x = memory.allocate(2, 4);
    memory.commit();
    count(x);
    const [{ data }, { kernels }] = [x, memory];
    memory.allocate(TOO_MANY, 1024);
    expect(() => memory.commit()).toThrow(/^cannot allocate 32768 MiB/);
    expect([memory.backend, contents(x)]).toEqual(["wasm", counted(8)]);
    expect(x.data).toBe(data);
    expect(memory.kernels).toBe(kernels);
  });
});

describe("random requests", () => {
  /** What a tensor should be: its floats, and where it should lie. */
  interface Expected {
    readonly x: Tensor | Integers;
    readonly stride: number;
    readonly lasting: boolean;
    values: number[];
    capacity: number;
    start: number;
    wanted: number;
  }
  const bytes = (floats: number): number => 16 * Math.ceil(floats / 4);
  const kept = ({ values, stride, wanted }: Expected): number[] =>
    Array.from({ length: wanted * stride }, (_, i) => values[i] ?? 0);

  function commit(all: readonly Expected[], backend: "js" | "wasm"): void {
    let end = scratchOf(1);
    for (const lasting of [true, false]) {
      for (const expected of all.filter((one) => one.lasting === lasting)) {
        const { stride, wanted } = expected;
        const rows = stride === 0 ? wanted : expected.values.length / stride;
        if (lasting) {
          if (wanted > expected.capacity) expected.capacity = Math.max(wanted, 2 * expected.capacity);
          expected.values = kept(expected);
        } else {
          expected.capacity = wanted;
          const stays = rows === wanted && (backend === "js" || expected.start === end);
          expected.values = stays ? expected.values : Array(wanted * stride).fill(0);
        }
        expected.start = end;
        end += bytes(expected.capacity * stride);
      }
    }
  }

  it.each(
    BACKENDS.flatMap((backend) => Array.from({ length: 30 }, (_, seed) => [backend, seed] as const)),
  )("on %s are carried out as a simple model says, seed %i", (backend, seed) => {
    const next = numbers(seed);
    const below = (n: number): number => Math.floor(next(0, n));
    const memory = new Memory(backend);
    const all: Expected[] = [];
    const size = (): number => (below(12) === 0 ? below(5000) : below(40));
    for (let round = 0; round < 25; round++) {
      for (let requests = below(4); requests >= 0; requests--) {
        if (all.length === 0 || (all.length < 20 && below(2) === 0)) {
          const [kind, rows] = [below(5), size()];
          const [cols, lasting] = [1 + below(9), kind < 2];
          const x =
            kind === 4
              ? memory.allocateIntegers(rows)
              : memory.allocate(rows, cols, { lasting, ...(cols === 1 ? { stride: 1 } : {}) });
          all.push({
            x,
            stride: "stride" in x ? x.stride : 1,
            lasting,
            values: [],
            capacity: 0,
            start: 0,
            wanted: rows,
          });
        } else {
          const one = all[below(all.length)];
          one.wanted = size();
          memory.resize(one.x, one.wanted);
        }
      }
      memory.commit();
      commit(all, backend);
      for (const { x, values, start, wanted, stride } of all) {
        const wrong = values.findIndex((value, i) => !Object.is(x.data[i], value));
        expect([x.data.length, wrong]).toEqual([values.length, -1]);
        if ("rows" in x) expect(x.rows).toBe(wanted);
        expect(x.data.length).toBe(wanted * stride);
        if (backend === "wasm") expect(x.data.byteOffset).toBe(start);
      }
      for (const one of all) {
        if (below(2) === 0) continue;
        for (let i = 0; i < one.x.data.length; i++) one.x.data[i] = below(100);
        if ("stride" in one.x && one.x.data.length > 0) one.x.data[below(one.x.data.length)] = NaN;
        one.values = contents(one.x);
      }
    }
  });
});
