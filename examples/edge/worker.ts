// A prediction service in the form of a fetch handler, which Cloudflare Workers, Deno and Bun run. It needs
// only what the web platform has: Request, Response, TextDecoder and JSON. First train its model with
// `npm run example edge/train`. Then send it some requests with `npm run example edge/try`.
//
// The answer to a POST of a JSON array of rows is { "predictions": [...] }. GET tells which fields exist.

import { type FeatureMap, Predictor } from "neural-fm/predict";
import bytes from "./model.safetensors";

const MAX_BYTES = 100_000;
const MAX_ROWS = 1000;

// The model is loaded once, when the worker starts. Some platforms, such as Cloudflare Workers, forbid a
// program to compile WebAssembly. There, plain JavaScript runs instead and gives the same numbers.
// `model.backend` says which of the two runs.
const model = Predictor.load(bytes);
const fields = model.fields.map(({ name }) => name);

/** A fault of the request, with the status of the response and a message for the client. */
class BadRequest extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Reads the body up to the limit. The header content-length is not enough, because it may be missing. */
async function readText(request: Request): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const reader = request.body?.getReader();
  let text = "";
  for (let size = 0; reader; ) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > MAX_BYTES) {
      await reader.cancel();
      throw new BadRequest(413, `the body must have at most ${MAX_BYTES} bytes`);
    }
    text += decoder.decode(value, { stream: true });
  }
  return text + decoder.decode();
}

/** Reads the rows and checks them. A field with a misspelled name is an error, and not a missing value. */
async function readRows(request: Request): Promise<FeatureMap[]> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/json\s*(;|$)/i.test(type))
    throw new BadRequest(415, "the header content-type must be application/json");
  let rows: unknown;
  try {
    rows = JSON.parse(await readText(request));
  } catch (error) {
    if (error instanceof BadRequest) throw error;
    throw new BadRequest(400, "the body must be JSON in UTF-8");
  }
  if (!Array.isArray(rows) || rows.length === 0 || rows.length > MAX_ROWS)
    throw new BadRequest(400, `the body must be an array of 1 to ${MAX_ROWS} rows`);
  for (const [i, row] of rows.entries()) {
    if (typeof row !== "object" || row === null || Array.isArray(row))
      throw new BadRequest(400, `row ${i} must be an object, such as { "user": "u1" }`);
    const wrong = Object.keys(row).find((name) => !fields.includes(name));
    if (wrong !== undefined)
      throw new BadRequest(400, `row ${i} has the unknown field "${wrong}"; known are ${fields.join(", ")}`);
  }
  return rows;
}

async function answer(request: Request): Promise<Response> {
  if (request.method === "GET") return Response.json({ fields, backend: model.backend });
  if (request.method !== "POST") throw new BadRequest(405, "the method must be GET or POST");
  const rows = await readRows(request);
  try {
    return Response.json({ predictions: Array.from(model.predict(rows)) });
  } catch (error) {
    throw new BadRequest(400, (error as Error).message); // a wrong value; the message names its row and field
  }
}

const worker: { fetch(request: Request): Promise<Response> } = {
  async fetch(request) {
    try {
      return await answer(request);
    } catch (error) {
      if (!(error instanceof BadRequest)) throw error; // the platform answers with status 500
      const { status, message } = error;
      return Response.json({ error: message }, { status, headers: { allow: "GET, POST" } });
    }
  },
};
export default worker;
