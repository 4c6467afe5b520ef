// What requests may hold, as JSON schemas. The fields are those of the shop: a user, a country, and items
// with a kind, a brand and a price. The library would check rows too, but its errors name its own arguments,
// and a field that training did not have only has no effect there.

const text = { type: "string", minLength: 1, maxLength: 200 };
const maybe = { type: ["string", "null"], minLength: 1, maxLength: 200 };
const object = (properties, required) => ({
  type: "object",
  properties,
  required,
  additionalProperties: false,
});
const listOf = (items, minItems, maxItems) => ({ type: "array", items, minItems, maxItems });

/** A row holds a context and an item. A field may be left out; it then counts as missing. */
const row = object(
  {
    ...{ user: maybe, country: maybe },
    ...{ item: maybe, kind: maybe, brand: maybe },
    price: { type: ["number", "null"], minimum: 0, maximum: 1e9 },
  },
  [],
);

export const predictBody = object({ rows: listOf(row, 1, 1000) }, ["rows"]);

/** `user: null` stands for a visitor who is not known. */
export const recommendBody = object(
  {
    context: object({ user: maybe, country: maybe }, ["user"]),
    top: { type: "integer", minimum: 1, maximum: 100 },
    history: listOf(text, 0, 100),
    exclude: listOf(text, 0, 1000),
    because: { type: "integer", minimum: 0, maximum: 10 },
  },
  ["context"],
);

const event = object({ user: text, country: maybe, product: text }, ["user", "product"]);

export const eventsBody = object({ events: listOf(event, 1, 1000) }, ["events"]);

export const trainQuery = object({ mode: { type: "string", enum: ["update", "fit"] } }, []);

/**
 * Makes the message of an error, with the path of the field as a program would write it: "rows[2].price must
 * be >= 0".
 *
 * @param {import("ajv").ErrorObject[]} errors
 * @param {string} part "body" or "querystring".
 */
export function schemaError(errors, part) {
  const [{ instancePath, keyword, params, message }] = errors;
  const steps = instancePath.split("/").slice(1);
  if (keyword === "required") steps.push(params.missingProperty);
  if (keyword === "additionalProperties") steps.push(params.additionalProperty);
  const path = steps.map((step) => (/^\d+$/.test(step) ? `[${step}]` : `.${step}`)).join("");
  const place = path === "" ? `the ${part}` : path.replace(/^\./, "");
  const problem = {
    required: "is missing",
    additionalProperties: "is not a field that the service knows",
    type: `must be of type ${[params.type].flat().join(" or ")}`,
    enum: `must be one of ${params.allowedValues?.join(", ")}`,
  };
  return new Error(`${place} ${problem[keyword] ?? message}`);
}
