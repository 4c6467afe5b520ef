// An NFM with one hidden layer, batch norm and relu as an ONNX file: the network in inference mode, and as much of the
// protobuf encoding (https://protobuf.dev/programming-guides/encoding) as a file of it needs. Numbers before values are
// the field numbers of onnx.proto.

const [FLOAT, INT64] = [1, 7]; // TensorProto.DataType
const [ATTRIBUTE_FLOAT, ATTRIBUTE_INT] = [1, 2]; // AttributeProto.AttributeType
const utf8 = new TextEncoder();

/** The model as the bytes of an ONNX file: `features` int64 [batch, features] to `scores` float [batch, 1]. */
export function toONNX(model, features) {
  const initializers = [];
  const constant = (name, dims, data) => {
    initializers.push(tensor(name, dims, data));
    return name;
  };
  const parameter = (name) => {
    const { shape, data } = model.tensor(name);
    return constant(name, shape, data);
  };
  const nodes = [];
  const node = (type, inputs, attributes = []) => {
    const output = `${type}_${nodes.length}`;
    nodes.push(
      message(
        ...inputs.map((name) => [1, name]),
        [2, output],
        [3, output],
        [4, type],
        ...attributes.map((a) => [5, a]),
      ),
    );
    return output;
  };
  const norm = (x, name) => {
    const inputs = ["weight", "bias", "running_mean", "running_var"].map((part) =>
      parameter(`${name}.${part}`),
    );
    return node("BatchNormalization", [x, ...inputs], [floatAttribute("epsilon", 1e-3)]);
  };
  const dense = (x, weight, bias) =>
    node("Gemm", [x, parameter(weight), parameter(bias)], [intAttribute("transB", 1)]);

  const axis = constant("axis", [1], BigInt64Array.of(1n));
  const half = constant("half", [], Float32Array.of(0.5));
  const sumOverFeatures = (x) => node("ReduceSum", [x, axis], [intAttribute("keepdims", 0)]);

  const embedded = node("Gather", [parameter("embedding.weight"), "features"]);
  const sums = sumOverFeatures(embedded);
  const squares = sumOverFeatures(node("Mul", [embedded, embedded]));
  const pooled = node("Mul", [node("Sub", [node("Mul", [sums, sums]), squares]), half]);
  const hidden = node("Relu", [
    norm(dense(norm(pooled, "norms.0"), "hidden.0.weight", "hidden.0.bias"), "norms.1"),
  ]);
  const linear = sumOverFeatures(node("Gather", [parameter("linear.weight"), "features"]));
  const scores = node("Add", [dense(hidden, "output.weight", "bias"), linear]);

  const graph = message(
    ...nodes.map((n) => [1, n]),
    [2, "nfm"],
    ...initializers.map((t) => [5, t]),
    [11, valueInfo("features", INT64, ["batch", features])],
    [12, valueInfo(scores, FLOAT, ["batch", 1])],
  );
  return {
    bytes: message([1, 8], [2, "neural-fm"], [7, graph], [8, message([1, ""], [2, 17])]),
    input: "features",
    output: scores,
  };
}

function tensor(name, dims, data) {
  const type = data instanceof BigInt64Array ? INT64 : FLOAT;
  return message(
    ...dims.map((d) => [1, d]),
    [2, type],
    [8, name],
    [9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)],
  );
}

function valueInfo(name, type, dims) {
  const shape = message(...dims.map((d) => [1, message([typeof d === "string" ? 2 : 1, d])]));
  return message([1, name], [2, message([1, message([1, type], [2, shape])])]);
}

function intAttribute(name, value) {
  return message([1, name], [3, value], [20, ATTRIBUTE_INT]);
}

function floatAttribute(name, value) {
  return message([1, name], [2, Float32Array.of(value)], [20, ATTRIBUTE_FLOAT]);
}

/** A message of [field number, value]: integers as varints, a Float32Array of one as a float, strings and bytes with their length. */
function message(...fields) {
  const parts = [];
  for (const [number, value] of fields) {
    if (typeof value === "number") {
      parts.push(varint(number << 3), varint(value));
    } else if (value instanceof Float32Array) {
      parts.push(varint((number << 3) | 5), new Uint8Array(value.buffer));
    } else {
      const bytes = typeof value === "string" ? utf8.encode(value) : value;
      parts.push(varint((number << 3) | 2), varint(bytes.length), bytes);
    }
  }
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Seven bits a byte, the lowest first; the top bit says that more follow. */
function varint(value) {
  const bytes = [];
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128);
  return Uint8Array.from([...bytes, value]);
}
