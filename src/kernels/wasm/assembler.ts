// A small WebAssembly assembler (https://webassembly.github.io/spec/core/binary/). Expressions are trees of
// operations and operands. While they are written, a stack of types is checked: the first operand of a wrong
// type throws. Statements (assignments, stores, loops) leave the stack empty. A module imports one memory
// and the address of a workspace in it, and exports functions; it has nothing else.

/** Types of WebAssembly values. */
export type ValueType = "i32" | "f32" | "f64" | "v128";

const TYPE_CODES: Record<ValueType, number> = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b };

/** One operation of WebAssembly. */
export interface Operation {
  /** The opcode, which for SIMD starts with the prefix 0xfd. */
  readonly code: readonly number[];
  /** The types of the operands. */
  readonly operands: readonly ValueType[];
  /** The type of the result; null: none. */
  readonly result: ValueType | null;
  /** For operations on memory: log2 of the number of bytes that they access. */
  readonly align?: number;
}

/** The opcode of a SIMD operation. */
export const simd = (n: number): readonly number[] =>
  n < 0x80 ? [0xfd, n] : [0xfd, (n & 0x7f) | 0x80, n >> 7];
/** Describes an operation. */
export const operation = (
  code: number | readonly number[],
  operands: readonly ValueType[],
  result: ValueType | null,
  align?: number,
): Operation => ({
  code: typeof code === "number" ? [code] : code,
  operands,
  result,
  ...(align === undefined ? {} : { align }),
});
const [I, F, V] = ["i32", "f32", "v128"] as const;

/** Operations by their names. */
export type Operations = Readonly<Record<string, Operation>>;

/** The operations that the assembler knows, by their names in the WebAssembly specification. */
export const OPERATIONS: Operations = {
  "i32.load": operation(0x28, [I], I, 2),
  "f32.load": operation(0x2a, [I], F, 2),
  "i32.store": operation(0x36, [I, I], null, 2),
  "f32.store": operation(0x38, [I, F], null, 2),
  "i32.eqz": operation(0x45, [I], I),
  "i32.lt_u": operation(0x49, [I, I], I),
  "i32.add": operation(0x6a, [I, I], I),
  "i32.sub": operation(0x6b, [I, I], I),
  "i32.mul": operation(0x6c, [I, I], I),
  "i32.and": operation(0x71, [I, I], I),
  "i32.shl": operation(0x74, [I, I], I),
  "f32.ne": operation(0x5c, [F, F], I),
  "f32.sqrt": operation(0x91, [F], F),
  "f32.add": operation(0x92, [F, F], F),
  "f32.sub": operation(0x93, [F, F], F),
  "f32.mul": operation(0x94, [F, F], F),
  "f32.div": operation(0x95, [F, F], F),
  "v128.load": operation(simd(0), [I], V, 4),
  "v128.load32_splat": operation(simd(9), [I], V, 2),
  "v128.store": operation(simd(11), [I, V], null, 4),
  "i32x4.splat": operation(simd(17), [I], V),
  "f32x4.splat": operation(simd(19), [F], V),
  "f32x4.gt": operation(simd(68), [V, V], V),
  "i32x4.lt_s": operation(simd(57), [V, V], V),
  "v128.and": operation(simd(78), [V, V], V),
  "v128.andnot": operation(simd(79), [V, V], V),
  "v128.xor": operation(simd(81), [V, V], V),
  "i32x4.shl": operation(simd(171), [V, I], V),
  "i32x4.shr_u": operation(simd(173), [V, I], V),
  "i32x4.add": operation(simd(174), [V, V], V),
  "i32x4.mul": operation(simd(181), [V, V], V),
  "f32x4.sqrt": operation(simd(227), [V], V),
  "f32x4.add": operation(simd(228), [V, V], V),
  "f32x4.sub": operation(simd(229), [V, V], V),
  "f32x4.mul": operation(simd(230), [V, V], V),
  "f32x4.div": operation(simd(231), [V, V], V),
  "f32x4.max": operation(simd(233), [V, V], V),
};

/** A value to be computed. */
export interface Expression {
  /** Writes the instructions that compute the value and leave it on the stack. */
  emit(code: Code): void;
}

/** An operand: an expression, or a number, which becomes an i32 constant. */
export type Operand = Expression | number;

/** The instructions of one function, and the types that are on the stack after them. */
export class Code {
  /** The instructions in binary form. */
  readonly bytes: number[] = [];
  readonly #stack: ValueType[] = [];

  /**
   * Records that an instruction puts a value on the stack.
   *
   * @param type Type of the value.
   */
  push(type: ValueType): void {
    this.#stack.push(type);
  }

  /**
   * Records that an instruction takes a value from the stack.
   *
   * @param type Type of the value that the instruction needs.
   * @param instruction What errors call the instruction.
   * @throws TypeError if the value has another type or the stack is empty.
   */
  pop(type: ValueType, instruction: string): void {
    const found = this.#stack.pop();
    if (found !== type)
      throw new TypeError(`${instruction} needs ${type} on the stack, found ${found ?? "nothing"}`);
  }

  /**
   * Checks that the stack is empty, as it must be between statements.
   *
   * @param where What errors call the statement.
   * @throws TypeError if it is not empty.
   */
  expectEmpty(where: string): void {
    if (this.#stack.length > 0) throw new TypeError(`${where} leaves ${this.#stack.join(", ")} on the stack`);
  }

  /**
   * Writes the operands in order, then the operation.
   *
   * @param name Name of the operation.
   * @param operands The operands.
   * @param offset Number of bytes to add to the address, for operations on memory. Default: 0.
   * @param known The operations to look in. Default: `OPERATIONS`.
   * @throws TypeError for an unknown operation, or for operands of a wrong number or type.
   */
  operate(
    name: string,
    operands: readonly Operand[],
    offset: number = 0,
    known: Operations = OPERATIONS,
  ): void {
    if (!Object.hasOwn(known, name)) throw new TypeError(`unknown operation ${name}`);
    const { code, operands: types, result, align } = known[name];
    if (operands.length !== types.length)
      throw new TypeError(`${name} takes ${types.length} operands, got ${operands.length}`);
    for (const operand of operands) this.value(operand);
    for (let i = types.length - 1; i >= 0; i--) this.pop(types[i], name);
    for (const byte of code) this.bytes.push(byte);
    if (align !== undefined) {
      this.bytes.push(align);
      unsigned(this.bytes, offset);
    }
    if (result !== null) this.push(result);
  }

  /**
   * Writes the instructions that leave an operand on the stack.
   *
   * @param operand The operand.
   */
  value(operand: Operand): void {
    if (typeof operand === "number") {
      this.bytes.push(0x41);
      signed(this.bytes, operand | 0);
      this.push("i32");
    } else {
      operand.emit(this);
    }
  }
}

/**
 * Makes an expression from an operation on values.
 *
 * @param name Name of the operation.
 * @param operands The operands.
 * @returns The expression.
 */
export function op(name: string, ...operands: Operand[]): Expression {
  return { emit: (code) => code.operate(name, operands) };
}

/**
 * Makes an expression that loads from memory.
 *
 * @param name Name of the operation.
 * @param address Byte address.
 * @param offset Number of bytes to add to the address. Default: 0.
 * @returns The expression.
 */
export function load(
  name: "i32.load" | "f32.load" | "v128.load" | "v128.load32_splat",
  address: Operand,
  offset: number = 0,
): Expression {
  return { emit: (code) => code.operate(name, [address], offset) };
}

/**
 * Makes a float constant.
 *
 * @param value The number, which is rounded to float32.
 * @returns The expression.
 */
export function f32(value: number): Expression {
  return {
    emit: (code) => {
      code.bytes.push(0x43, ...new Uint8Array(Float32Array.of(value).buffer));
      code.push("f32");
    },
  };
}

/**
 * Makes a vector of four i32 constants.
 *
 * @param lanes The four integers.
 * @returns The expression.
 */
export function i32x4(...lanes: readonly [number, number, number, number]): Expression {
  return {
    emit: (code) => {
      code.bytes.push(...simd(12), ...new Uint8Array(Int32Array.of(...lanes).buffer));
      code.push("v128");
    },
  };
}

/**
 * Makes an expression that selects four lanes of two vectors.
 *
 * @param a A vector, with the lanes 0 to 3.
 * @param b A vector, with the lanes 4 to 7.
 * @param lanes Numbers of the four lanes.
 * @returns The expression.
 */
export function shuffle(
  a: Operand,
  b: Operand,
  ...lanes: readonly [number, number, number, number]
): Expression {
  return {
    emit: (code) => {
      code.value(a);
      code.value(b);
      code.pop("v128", "i8x16.shuffle");
      code.pop("v128", "i8x16.shuffle");
      code.bytes.push(...simd(13), ...lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => lane * 4 + byte)));
      code.push("v128");
    },
  };
}

/**
 * Makes an expression that takes one float from a vector.
 *
 * @param a A vector of floats.
 * @param lane Number of the lane, from 0 to 3.
 * @returns The expression.
 */
export function lane(a: Operand, lane: number): Expression {
  return {
    emit: (code) => {
      code.value(a);
      code.pop("v128", "f32x4.extract_lane");
      code.bytes.push(...simd(31), lane);
      code.push("f32");
    },
  };
}

/** The address of the instance's workspace. */
export const SCRATCH: Expression = {
  emit: (code) => {
    code.bytes.push(0x23, 0);
    code.push("i32");
  },
};

/** A parameter or a local variable of a function. It is an expression and can be assigned. */
export interface Variable extends Expression {
  /** Type of its value. */
  readonly type: ValueType;
  /** Index among the parameters and local variables. */
  readonly index: number;
}

/** Writes the body of one function, one statement after the other. */
export class FunctionBuilder {
  /** The parameters. */
  readonly params: readonly Variable[];
  /** The types of the local variables. */
  readonly locals: ValueType[] = [];
  /** The instructions. */
  readonly code: Code = new Code();

  /**
   * Starts an empty body.
   *
   * @param params The types of the parameters.
   */
  constructor(params: readonly ValueType[]) {
    this.params = params.map((type, index) => variable(type, index));
  }

  /**
   * Adds a local variable.
   *
   * @param type Its type.
   * @param value The value to assign at this place; undefined: it is 0 at the start of the function.
   * @returns The variable.
   */
  local(type: ValueType, value?: Operand): Variable {
    const created = variable(type, this.params.length + this.locals.length);
    this.locals.push(type);
    if (value !== undefined) this.set(created, value);
    return created;
  }

  /**
   * Writes: target = value.
   *
   * @param target The variable.
   * @param value The value, of the same type.
   * @throws TypeError if the types differ.
   */
  set(target: Variable, value: Operand): void {
    this.code.value(value);
    this.code.pop(target.type, `assignment to local ${target.index}`);
    this.code.bytes.push(0x21);
    unsigned(this.code.bytes, target.index);
    this.code.expectEmpty("an assignment");
  }

  /**
   * Writes: target += value.
   *
   * @param target An integer variable.
   * @param value An integer.
   */
  increase(target: Variable, value: Operand): void {
    this.set(target, op("i32.add", target, value));
  }

  /**
   * Writes: memory[address + offset] = value.
   *
   * @param name Name of the operation.
   * @param address Byte address.
   * @param value The value to store.
   * @param offset Number of bytes to add to the address. Default: 0.
   * @throws TypeError if the value has a wrong type.
   */
  store(
    name: "i32.store" | "f32.store" | "v128.store",
    address: Operand,
    value: Operand,
    offset: number = 0,
  ): void {
    this.code.operate(name, [address, value], offset);
    this.code.expectEmpty(name);
  }

  /**
   * Writes: if (condition !== 0) body() else otherwise().
   *
   * @param condition An integer.
   * @param body Writes the first branch.
   * @param otherwise Writes the second branch; undefined: there is none.
   */
  if(condition: Operand, body: () => void, otherwise?: () => void): void {
    this.code.value(condition);
    this.code.pop("i32", "if");
    this.code.bytes.push(0x04, 0x40);
    body();
    if (otherwise) {
      this.code.bytes.push(0x05);
      otherwise();
    }
    this.code.bytes.push(0x0b);
    this.code.expectEmpty("if");
  }

  /**
   * Writes: for (; counter < end; counter += step) body(), with an unsigned comparison.
   *
   * @param counter An integer variable.
   * @param end The value at which the loop ends.
   * @param step The number that each iteration adds.
   * @param body Writes the body.
   */
  while(counter: Variable, end: Operand, step: Operand, body: () => void): void {
    this.if(op("i32.lt_u", counter, end), () => {
      this.code.bytes.push(0x03, 0x40);
      body();
      this.increase(counter, step);
      this.code.value(op("i32.lt_u", counter, end));
      this.code.pop("i32", "br_if");
      this.code.bytes.push(0x0d, 0x00, 0x0b);
    });
  }

  /**
   * Writes: for (let counter = start; counter < end; counter += step) body(counter), with an unsigned
   * comparison.
   *
   * @param start The first value of the counter.
   * @param end The value at which the loop ends.
   * @param step The number that each iteration adds.
   * @param body Writes the body. It gets the counter.
   */
  for(start: Operand, end: Operand, step: Operand, body: (counter: Variable) => void): void {
    const counter = this.local("i32", start);
    this.while(counter, end, step, () => body(counter));
  }
}

function variable(type: ValueType, index: number): Variable {
  return {
    type,
    index,
    emit: (code) => {
      code.bytes.push(0x20);
      unsigned(code.bytes, index);
      code.push(type);
    },
  };
}

/**
 * Collects functions without results and writes them as a module. Its memory is imported as `env.memory`, and
 * the address of a workspace as `env.scratch`.
 */
export class ModuleBuilder {
  readonly #functions: {
    readonly name: string;
    readonly params: readonly ValueType[];
    readonly builder: FunctionBuilder;
  }[] = [];

  /**
   * Adds an exported function.
   *
   * @param name Name of the function.
   * @param params Types of its parameters.
   * @param build Writes its body.
   * @throws TypeError if the body leaves a value on the stack.
   */
  function(
    name: string,
    params: readonly ValueType[],
    build: (f: FunctionBuilder, ...params: Variable[]) => void,
  ): void {
    const builder = new FunctionBuilder(params);
    build(builder, ...builder.params);
    builder.code.expectEmpty(`function ${name}`);
    this.#functions.push({ name, params, builder });
  }

  /**
   * Writes the module.
   *
   * @param sharedPages Largest number of pages of a memory that threads share; null: the memory is not
   *   shared.
   *   Default: null.
   * @returns The module in binary form.
   */
  toBytes(sharedPages: number | null = null): Uint8Array<ArrayBuffer> {
    const functions = this.#functions;
    const bytes = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
    const section = (id: number, write: (into: number[]) => void): void => {
      bytes.push(id);
      sized(bytes, write);
    };
    section(1, (into) =>
      list(into, functions, ({ params }) =>
        into.push(0x60, params.length, ...params.map((type) => TYPE_CODES[type]), 0),
      ),
    );
    section(2, (into) => {
      into.push(2);
      text(into, "env");
      text(into, "memory");
      into.push(0x02, sharedPages === null ? 0x00 : 0x03, 0x00);
      if (sharedPages !== null) unsigned(into, sharedPages);
      text(into, "env");
      text(into, "scratch");
      into.push(0x03, TYPE_CODES.i32, 0x00);
    });
    section(3, (into) => list(into, functions, (_, i) => unsigned(into, i)));
    section(7, (into) =>
      list(into, functions, ({ name }, i) => {
        text(into, name);
        into.push(0x00);
        unsigned(into, i);
      }),
    );
    section(10, (into) =>
      list(into, functions, ({ builder: { locals, code } }) =>
        sized(into, (body) => {
          list(body, locals, (type) => body.push(1, TYPE_CODES[type]));
          append(body, code.bytes);
          body.push(0x0b);
        }),
      ),
    );
    return Uint8Array.from(bytes);
  }
}

/** Writes the number of items, then each item. */
function list<T>(into: number[], items: readonly T[], write: (item: T, i: number) => void): void {
  unsigned(into, items.length);
  items.forEach(write);
}

/** Writes the number of bytes that `write` appends, then these bytes. */
function sized(into: number[], write: (content: number[]) => void): void {
  const content: number[] = [];
  write(content);
  unsigned(into, content.length);
  append(into, content);
}

function append(into: number[], bytes: readonly number[]): void {
  for (let i = 0; i < bytes.length; i++) into.push(bytes[i]);
}

function text(into: number[], value: string): void {
  unsigned(into, value.length);
  append(into, [...new TextEncoder().encode(value)]);
}

/** Writes an integer from 0 to 2^32 - 1 in LEB128 form. */
function unsigned(into: number[], value: number): void {
  let rest = value >>> 0;
  for (; rest >= 0x80; rest >>>= 7) into.push((rest & 0x7f) | 0x80);
  into.push(rest);
}

/** Writes a signed 32-bit integer in LEB128 form. */
function signed(into: number[], value: number): void {
  let rest = value;
  for (; rest < -64 || rest > 63; rest >>= 7) into.push((rest & 0x7f) | 0x80);
  into.push(rest & 0x7f);
}
