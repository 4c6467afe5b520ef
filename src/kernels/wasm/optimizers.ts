// The steps of the optimizers. Each row of a parameter is processed in vectors of four floats, and the
// remaining columns float by float. So neither padding nor the neighboring rows of an unpadded column (w) are
// changed. Addresses and strides are in bytes.

import {
  type Expression,
  type FunctionBuilder,
  f32,
  load,
  type ModuleBuilder,
  type Operand,
  op,
  type ValueType,
  type Variable,
} from "./assembler.ts";
import { at, integers, splat } from "./vectors.ts";

/** The width of the operations: four floats, or one. */
interface Width {
  readonly type: "v128" | "f32";
  readonly bytes: 16 | 4;
  readonly kind: "f32x4" | "f32";
  /** A float as an operand of this width. */
  readonly spread: (value: Expression) => Expression;
}

const FOUR: Width = { type: "v128", bytes: 16, kind: "f32x4", spread: splat };
const ONE: Width = { type: "f32", bytes: 4, kind: "f32", spread: (value) => value };

/** The addresses of one element or of four, and how to compute with them. */
interface Elements {
  readonly width: Width;
  readonly theta: Variable;
  readonly state: Variable;
  /** The gradient, with the decay added. */
  readonly g: Variable;
  calculate(name: "add" | "sub" | "mul" | "div" | "sqrt", ...operands: Operand[]): Expression;
  read(address: Operand): Expression;
  write(address: Operand, value: Expression): void;
  spread(value: Expression): Expression;
}

/** Writes the step for one element or for four. */
type Step = (f: FunctionBuilder, elements: Elements, rates: readonly Variable[]) => void;

/**
 * Adds `adagrad` and `sgd` of kernels.ts.
 *
 * @param m The module.
 */
export function emitOptimizers(m: ModuleBuilder): void {
  // G += g * g; theta -= (rate * g) / sqrt(G)
  emitOptimizer(m, "adagrad", 1, (f, { width, theta, state, g, calculate, read, write, spread }, [rate]) => {
    const total = f.local(width.type, calculate("add", read(state), calculate("mul", g, g)));
    write(state, total);
    const change = calculate("div", calculate("mul", spread(rate), g), calculate("sqrt", total));
    write(theta, calculate("sub", read(theta), change));
  });
  const descend = ({ theta, g, calculate, read, write, spread }: Elements, rate: Variable): void =>
    write(theta, calculate("sub", read(theta), calculate("mul", spread(rate), g)));
  emitOptimizer(m, "sgd", 1, (_, elements, [rate]) => descend(elements, rate));
  // v = momentum * v + g; theta -= rate * v
  emitOptimizer(m, "momentum", 2, (f, elements, [rate, momentum]) => {
    const { state, g, calculate, read, write, spread } = elements;
    f.set(g, calculate("add", calculate("mul", spread(momentum), read(state)), g));
    write(state, g);
    descend(elements, rate);
  });
}

/**
 * Adds the function of an optimizer. g += l2 * theta comes before its step. rows = 0: the rows are 0 to
 * count - 1. `rates` is the number of floats that the step needs.
 */
function emitOptimizer(m: ModuleBuilder, name: string, rates: number, step: Step): void {
  const floats: ValueType[] = Array.from({ length: rates + 1 }, () => "f32");
  m.function(name, [...integers(8), ...floats], (f, ...params) => {
    const [theta, state, gradient, rows, count, cols, stride, gradientStride, l2, ...others] = params;
    const withL2 = f.local("i32", op("f32.ne", l2, f32(0)));
    f.for(0, count, 1, (t) => {
      const row = f.local("i32", t);
      f.if(rows, () => f.set(row, load("i32.load", at(rows, t, 4))));
      const from = f.local("i32", at(gradient, t, gradientStride));
      const to = f.local("i32", at(theta, row, stride));
      const toState = f.local("i32", at(state, row, stride));
      const end = f.local("i32", at(from, cols, 4));
      const whole = f.local("i32", at(from, op("i32.and", cols, -4), 4));
      const walk = (decays: boolean): void => {
        for (const width of [FOUR, ONE]) {
          f.while(from, width === FOUR ? whole : end, width.bytes, () => {
            step(f, elementsOf(f, width, from, to, toState, decays ? l2 : null), others);
            f.increase(to, width.bytes);
            f.increase(toState, width.bytes);
          });
        }
      };
      f.if(
        withL2,
        () => walk(true),
        () => walk(false),
      );
    });
  });
}

/** Reads the gradient at an address, adds the decay unless `l2` is null, and says how to go on. */
function elementsOf(
  f: FunctionBuilder,
  width: Width,
  from: Variable,
  theta: Variable,
  state: Variable,
  l2: Variable | null,
): Elements {
  const { type, kind, spread } = width;
  const calculate: Elements["calculate"] = (name, ...operands) => op(`${kind}.${name}`, ...operands);
  const read = (address: Operand): Expression => load(`${type}.load`, address);
  const g = f.local(type, read(from));
  if (l2) f.set(g, calculate("add", g, calculate("mul", spread(l2), read(theta))));
  const write = (address: Operand, value: Expression): void => f.store(`${type}.store`, address, value);
  return { width, theta, state, g, calculate, read, write, spread };
}
