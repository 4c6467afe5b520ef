// Reads the parts of a safetensors file without asking whether they make a model.

/** A tensor of a file. */
export interface TensorPart {
  readonly name: string;
  readonly shape: readonly number[];
  /** Number of elements. */
  readonly size: number;
  /** The elements; null if they are not float32. */
  readonly data: Float32Array | null;
}

/** The parts of a file. */
export interface FileParts {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: readonly TensorPart[];
}

/**
 * Reads a file.
 *
 * @param bytes The file.
 * @returns Its parts.
 * @throws Error if it is no safetensors file.
 */
export function readParts(bytes: Uint8Array): FileParts {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length < 8 ? Infinity : Number(view.getBigUint64(0, true));
  if (length > bytes.length - 8) throw new Error("is no model file (safetensors), or is cut off");
  const header = parseHeader(bytes.subarray(8, 8 + length));
  const { __metadata__: metadata, ...entries } = header;
  const tensors = Object.entries(entries).map(([name, entry]) => {
    const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Partial<Entry>;
    if (!Array.isArray(shape) || !Array.isArray(offsets)) throw new Error(`the tensor "${name}" has no form`);
    const size = shape.reduce((product, n) => product * n, 1);
    const [start, end] = offsets.map((offset) => 8 + length + offset);
    const isHere = dtype === "F32" && end - start === 4 * size && end <= bytes.length;
    return {
      name,
      shape,
      size,
      data: isHere ? new Float32Array(Uint8Array.from(bytes.subarray(start, end)).buffer) : null,
    };
  });
  return { metadata: (metadata ?? {}) as Record<string, string>, tensors };
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly number[];
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  try {
    const header: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof header === "object" && header !== null) return header as Record<string, unknown>;
  } catch {
    // the error below says it
  }
  throw new Error("is no model file: its header is not JSON");
}
