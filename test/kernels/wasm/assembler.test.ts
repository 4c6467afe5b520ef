// The assembler: every operation it offers is validated by the engine and executed against plain JavaScript,
// and a wrong operand is refused while the code is being written.

import { describe, expect, it } from "vitest";
import {
  Code,
  type FunctionBuilder,
  f32,
  i32x4,
  lane,
  load,
  ModuleBuilder,
  OPERATIONS,
  type Operand,
  op,
  shuffle,
  type ValueType,
  type Variable,
} from "../../../src/kernels/wasm/assembler.ts";
import { DOUBLES, double, f64x2 } from "../../../src/kernels/wasm/doubles.ts";

type Run = (...args: number[]) => void;

/** Compiles one function and returns it with its memory. */
function compile(
  params: readonly ValueType[],
  build: (f: FunctionBuilder, ...params: Variable[]) => void,
): { run: Run; memory: DataView } {
  const m = new ModuleBuilder();
  m.function("run", params, build);
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(m.toBytes()), {
    env: { memory, scratch: 0 },
  });
  return { run: exports.run as Run, memory: new DataView(memory.buffer) };
}

const f = Math.fround;
const FLOATS = [0, -0, 1, -1, 0.1, -3.75, 1e-40, -1e-45, 3e38, -3e38, Infinity, -Infinity, NaN, 16777217];
const INTEGERS = [0, 1, -1, 2, 31, 32, 33, 0x7fffffff, -0x80000000, 0x21f0aaad, 123456789];

const bits = (value: boolean): number => (value ? -1 : 0);
/** What each operation on numbers means; vectors apply it lane by lane. */
const MEANING: Record<string, (a: number, b: number) => number> = {
  "i32.eqz": (a) => Number(a === 0),
  "i32.lt_u": (a, b) => Number(a >>> 0 < b >>> 0),
  "i32.ge_u": (a, b) => Number(a >>> 0 >= b >>> 0),
  "i32.add": (a, b) => (a + b) | 0,
  "i32.sub": (a, b) => (a - b) | 0,
  "i32.mul": Math.imul,
  "i32.and": (a, b) => a & b,
  "i32.shl": (a, b) => a << b,
  "i32.shr_u": (a, b) => (a >>> b) | 0,
  "f32.ne": (a, b) => Number(a !== b),
  "f32.sqrt": (a) => f(Math.sqrt(a)),
  "f32.add": (a, b) => f(a + b),
  "f32.sub": (a, b) => f(a - b),
  "f32.mul": (a, b) => f(a * b),
  "f32.div": (a, b) => f(a / b),
  "f32x4.gt": (a, b) => bits(a > b),
  "i32x4.lt_s": (a, b) => bits(a < b),
  "v128.and": (a, b) => a & b,
  "v128.andnot": (a, b) => a & ~b,
  "v128.xor": (a, b) => a ^ b,
  "i32x4.shl": (a, b) => a << b,
  "i32x4.shr_u": (a, b) => (a >>> b) | 0,
  "i32x4.add": (a, b) => (a + b) | 0,
  "i32x4.mul": Math.imul,
  "f32x4.sqrt": (a) => f(Math.sqrt(a)),
  "f32x4.add": (a, b) => f(a + b),
  "f32x4.sub": (a, b) => f(a - b),
  "f32x4.mul": (a, b) => f(a * b),
  "f32x4.div": (a, b) => f(a / b),
  "f32x4.max": (a, b) => Math.max(a, b),
  "i32x4.splat": (a) => a,
  "f32x4.splat": (a) => a,
};
const takesFloats = (name: string): boolean => /^f32/.test(name);
const givesFloats = (name: string): boolean => /^f32/.test(name) && !/\.(gt|ne)$/.test(name);

describe("every operation", () => {
  it.each(
    Object.keys(OPERATIONS).filter((name) => !/load|store/.test(name)),
  )("%s computes what it says", (name) => {
    const { operands, result } = OPERATIONS[name];
    expect(MEANING[name], `${name} needs a meaning in this test`).toBeDefined();
    const read = (type: ValueType, address: number): Operand =>
      load(`${type as "i32" | "f32" | "v128"}.load`, address);
    const { run, memory } = compile([], (b) => {
      const value = op(name, ...operands.map((type, i) => read(type, 16 * i)));
      b.store(`${result as "i32" | "f32" | "v128"}.store`, 64, value);
    });
    const samples = takesFloats(name) ? FLOATS : INTEGERS;
    for (const a of samples) {
      for (const b of samples) {
        for (let i = 0; i < 4; i++) {
          if (takesFloats(name)) [a, b].forEach((value, k) => memory.setFloat32(16 * k + 4 * i, value, true));
          else [a, b].forEach((value, k) => memory.setInt32(16 * k + 4 * i, value, true));
        }
        run();
        const expected = MEANING[name](takesFloats(name) ? f(a) : a, takesFloats(name) ? f(b) : b);
        for (let i = 0; i < (result === "v128" ? 4 : 1); i++) {
          expect(
            givesFloats(name) ? memory.getFloat32(64 + 4 * i, true) : memory.getInt32(64 + 4 * i, true),
            `${name}(${a}, ${b})`,
          ).toBe(expected);
        }
      }
    }
  });

  const MEANING_OF_DOUBLES: Record<string, (a: number, b: number) => number | boolean> = {
    "f64x2.lt": (a, b) => a < b,
    "f64x2.gt": (a, b) => a > b,
    "f64x2.abs": Math.abs,
    "f64x2.neg": (a) => -a,
    "f64x2.sqrt": Math.sqrt,
    "f64x2.add": (a, b) => a + b,
    "f64x2.sub": (a, b) => a - b,
    "f64x2.mul": (a, b) => a * b,
    "f64x2.div": (a, b) => a / b,
  };
  it.each(Object.entries(MEANING_OF_DOUBLES))("%s computes two doubles", (name, meaning) => {
    const { run, memory } = compile([], (b) => {
      const operands = DOUBLES[name].operands.map((_, i) => load("v128.load", 16 * i));
      b.store("v128.store", 64, double(name, ...operands));
    });
    const samples = [0, -0, 1.1, -3e200, 5e-324, Infinity, -Infinity, NaN, 0.3];
    for (const a of samples) {
      for (const b of samples) {
        for (const at of [0, 8]) {
          memory.setFloat64(at, at === 0 ? a : b, true);
          memory.setFloat64(16 + at, at === 0 ? b : a, true);
        }
        run();
        [meaning(a, b), meaning(b, a)].forEach((expected, lane) => {
          const at = 64 + 8 * lane;
          if (typeof expected === "number") expect(memory.getFloat64(at, true), name).toBe(expected);
          else expect(memory.getBigInt64(at, true), name).toBe(expected ? -1n : 0n);
        });
      }
    }
  });

  it("that no other test names converts, shifts and selects", () => {
    const { run, memory } = compile(["f64"], (b, x) => {
      const [first, second, mask] = [0, 16, 32].map((at) => load("v128.load", at));
      const results = [
        double("f64x2.splat", x),
        double("v128.or", first, second),
        double("v128.bitselect", first, second, mask),
        double("i64x2.shr_u", first, 52),
        double("f64x2.convert_low_i32x4_s", first),
        double("f64x2.convert_low_i32x4_u", first),
        double("f32x4.demote_f64x2_zero", f64x2(0.1)),
      ];
      results.forEach((result, i) => b.store("v128.store", 64 + 16 * i, result));
      b.store("i32.store", 200, double("v128.any_true", first));
      b.store("i32.store", 204, double("v128.any_true", op("v128.xor", first, first)));
    });
    const words = [-5, 0x40080000, 7, 0x3ff00000 + 0x80000000 - 2 ** 32];
    words.forEach((word, i) => memory.setInt32(4 * i, word, true));
    [1, 2, 4, 8].forEach((word, i) => memory.setInt32(16 + 4 * i, word, true));
    [-1, 0, 0x0f, -1].forEach((word, i) => memory.setInt32(32 + 4 * i, word, true));
    run(2.75);
    expect([memory.getFloat64(64, true), memory.getFloat64(72, true)]).toEqual([2.75, 2.75]);
    words.forEach((word, i) => expect(memory.getInt32(80 + 4 * i, true)).toBe(word | [1, 2, 4, 8][i]));
    const chosen = [words[0], 2, (words[2] & 0x0f) | (4 & ~0x0f), words[3]];
    chosen.forEach((word, i) => expect(memory.getInt32(96 + 4 * i, true)).toBe(word));
    expect([memory.getBigInt64(112, true), memory.getBigInt64(120, true)]).toEqual([0x400n, 0xbffn]);
    expect([memory.getFloat64(128, true), memory.getFloat64(136, true)]).toEqual([-5, 0x40080000]);
    expect([memory.getFloat64(144, true), memory.getFloat64(152, true)]).toEqual([2 ** 32 - 5, 0x40080000]);
    expect([0, 4, 8, 12].map((at) => memory.getFloat32(160 + at, true))).toEqual([f(0.1), f(0.1), 0, 0]);
    expect([memory.getInt32(200, true), memory.getInt32(204, true)]).toEqual([1, 0]);
  });

  it("on memory reads and writes at address plus offset", () => {
    const { run, memory } = compile(["i32"], (b, address) => {
      b.store("i32.store", address, load("i32.load", address, 4), 100);
      b.store("f32.store", address, load("f32.load", address, 8), 104);
      b.store("v128.store", address, load("v128.load", address, 4), 112);
      b.store("v128.store", address, load("v128.load32_splat", address, 8), 128);
    });
    [7, 1.5, 2.5, 3.5].forEach((value, i) =>
      i === 0 ? memory.setInt32(1004, value, true) : memory.setFloat32(1004 + 4 * i, value, true),
    );
    run(1000);
    expect(memory.getInt32(1100, true)).toBe(7);
    expect(memory.getFloat32(1104, true)).toBe(1.5);
    expect([1, 2, 3].map((i) => memory.getFloat32(1112 + 4 * i, true))).toEqual([1.5, 2.5, 3.5]);
    expect([0, 1, 2, 3].map((i) => memory.getFloat32(1128 + 4 * i, true))).toEqual([1.5, 1.5, 1.5, 1.5]);
  });

  it("constants, shuffles and lanes give what was written", () => {
    const { run, memory } = compile([], (b) => {
      const a = b.local("v128", i32x4(1, -2, 3, 0x7fffffff));
      b.store("v128.store", 0, shuffle(a, i32x4(10, 20, 30, 40), 3, 4, 0, 7));
      b.store("f32.store", 16, f32(-0.1));
      b.store("f32.store", 20, lane(load("v128.load", 32), 2));
      for (const [i, value] of [
        0, -1, 63, 64, -64, -65, 127, 128, 8191, 8192, 0x7fffffff, -0x80000000, 0xffffffff,
      ].entries())
        b.store("i32.store", 100 + 4 * i, value);
    });
    memory.setFloat32(40, 6.5, true);
    run();
    expect([0, 1, 2, 3].map((i) => memory.getInt32(4 * i, true))).toEqual([0x7fffffff, 10, 1, 40]);
    expect(memory.getFloat32(16, true)).toBe(f(-0.1));
    expect(memory.getFloat32(20, true)).toBe(6.5);
    expect(Array.from({ length: 13 }, (_, i) => memory.getInt32(100 + 4 * i, true))).toEqual([
      0, -1, 63, 64, -64, -65, 127, 128, 8191, 8192, 0x7fffffff, -0x80000000, -1,
    ]);
  });
});

describe("control flow", () => {
  it("loops count from start to end by steps, and not at all when there is nothing to do", () => {
    const { run, memory } = compile(["i32", "i32", "i32"], (b, start, end, step) => {
      const sum = b.local("i32");
      b.for(start, end, step, (i) => b.for(0, 2, 1, () => b.increase(sum, i)));
      b.store("i32.store", 0, sum);
    });
    for (const [start, end, step] of [
      [0, 10, 1],
      [3, 10, 3],
      [5, 5, 1],
      [6, 5, 1],
      [0, 1, 7],
    ]) {
      let sum = 0;
      for (let i = start; i < end; i += step) sum += 2 * i;
      run(start, end, step);
      expect(memory.getInt32(0, true)).toBe(sum);
    }
  });

  it("a condition takes one branch or the other", () => {
    const { run, memory } = compile(["i32"], (b, condition) => {
      b.if(
        condition,
        () => b.store("i32.store", 0, 1),
        () => b.store("i32.store", 0, 2),
      );
      b.if(op("i32.eqz", condition), () => b.store("i32.store", 4, 3));
    });
    run(5);
    expect([memory.getInt32(0, true), memory.getInt32(4, true)]).toEqual([1, 0]);
    run(0);
    expect([memory.getInt32(0, true), memory.getInt32(4, true)]).toEqual([2, 3]);
  });
});

describe("while emitting, it refuses", () => {
  const emit =
    (
      build: (f: FunctionBuilder, ...params: Variable[]) => void,
      params: readonly ValueType[] = ["i32", "f32", "v128"],
    ) =>
    () =>
      compile(params, build);

  it("an operand of another type", () => {
    expect(emit((b, i, x) => b.set(i, op("i32.add", i, x)))).toThrow(
      "i32.add needs i32 on the stack, found f32",
    );
    expect(emit((b, _i, x, v) => b.set(v, op("f32x4.add", v, x)))).toThrow(
      "f32x4.add needs v128 on the stack, found f32",
    );
    expect(emit((b, i, _x, v) => b.store("f32.store", i, v))).toThrow(
      "f32.store needs f32 on the stack, found v128",
    );
    expect(emit((b, i, x) => b.set(x, load("v128.load", i)))).toThrow(
      "assignment to local 1 needs f32 on the stack, found v128",
    );
    expect(emit((b, _i, x) => b.if(x, () => undefined))).toThrow("if needs i32 on the stack, found f32");
    expect(emit((b, _i, x) => b.set(x, lane(x, 0)))).toThrow(
      "f32x4.extract_lane needs v128 on the stack, found f32",
    );
    expect(emit((b, _i, x, v) => b.set(v, shuffle(v, x, 0, 1, 2, 3)))).toThrow(
      "i8x16.shuffle needs v128 on the stack, found f32",
    );
  });

  it("a missing or superfluous operand, and a value left behind", () => {
    expect(emit((b, i) => b.set(i, op("i32.add", i)))).toThrow("i32.add takes 2 operands, got 1");
    expect(emit((b, i) => b.code.value(i))).toThrow("function run leaves i32 on the stack");
    expect(() => new Code().pop("i32", "br_if")).toThrow("br_if needs i32 on the stack, found nothing");
  });

  it("an operation that it does not have", () => {
    expect(emit((b, i) => b.set(i, op("i32.popcnt", i)))).toThrow("unknown operation i32.popcnt");
  });
});
