// The options of a FeatureEncoder, and their checks.

import { checkChoice, checkInteger, checkKeys, isRecord, wrongType } from "../core/errors.ts";
import { type FieldKind, KINDS } from "./fields.ts";

/** How the numbers of number fields become entries. */
export type NumbersOption = "auto" | "knots" | "standard" | "raw";

/** Options of a FeatureEncoder. */
export interface FeatureEncoderOptions {
  /**
   * With this option feature names are hashed into 2^hashBits columns, and no vocabulary is learned; 1 to 30.
   * Without `fields` and `numbers` nothing is learned at all: every value is read by its own type.
   * Default: learn a vocabulary.
   */
  hashBits?: number | undefined;
  /**
   * Features that occur in fewer training maps than this get no column; at least 1. It cannot be combined
   * with `hashBits`. Default: 1.
   */
  minCount?: number | undefined;
  /**
   * How numbers become entries. "knots": two neighboring entries of a piecewise-linear basis on quantiles of
   * the training values. "standard": (value - mean) / standard deviation. "raw": the value itself. "auto":
   * the entries of "knots" and of "standard". Default: "auto".
   */
  numbers?: NumbersOption | undefined;
  /**
   * Kinds of fields by their names. Default: inferred from the training rows.
   */
  fields?: Readonly<Record<string, FieldKind>> | undefined;
}

/**
 * Checks the options of an encoder.
 *
 * @param options The options as the user passed them.
 * @returns The options in effect.
 * @throws TypeError or RangeError for a bad or unknown option, or for `minCount` together with `hashBits`.
 */
export function readEncoderOptions(options: FeatureEncoderOptions): Readonly<FeatureEncoderOptions> {
  checkKeys("FeatureEncoder: options", options, ["hashBits", "minCount", "numbers", "fields"]);
  const { hashBits, minCount, numbers, fields } = options;
  const learning = {
    ...(numbers === undefined ? {} : { numbers: checkNumbers("FeatureEncoder: numbers", numbers) }),
    ...(fields === undefined ? {} : { fields: checkFieldKinds("FeatureEncoder: fields", fields) }),
  };
  if (hashBits === undefined) {
    return { minCount: checkInteger("FeatureEncoder: minCount", minCount ?? 1, 1), ...learning };
  }
  if (minCount !== undefined) {
    const reason =
      "minCount needs a vocabulary to prune, and with hashBits there is none; give one of the two";
    throw new TypeError(`FeatureEncoder: ${reason}`);
  }
  return { hashBits: checkInteger("FeatureEncoder: hashBits", hashBits, 1, 30), ...learning };
}

/** Says whether an encoder reads every value by its own type, so that there is nothing to learn. */
export function learnsNothing({ hashBits, numbers, fields }: FeatureEncoderOptions): boolean {
  return hashBits !== undefined && numbers === undefined && fields === undefined;
}

/**
 * Checks a field name. Names of features are "field=level", so a field name must not contain "=".
 *
 * @param name The name.
 * @param place What errors start with.
 * @throws RangeError if it contains "=".
 */
export function checkFieldName(name: string, place: string): void {
  if (name.includes("="))
    throw new RangeError(`${place}: a field name must not contain "=", got ${JSON.stringify(name)}`);
}

/**
 * Checks kinds of fields.
 *
 * @param place What errors call the option.
 * @param fields The kinds by field names, as the user passed them.
 * @returns A copy.
 * @throws TypeError or RangeError that names the field.
 */
export function checkFieldKinds(place: string, fields: unknown): Readonly<Record<string, FieldKind>> {
  if (!isRecord(fields)) throw wrongType(place, "an object of field names and kinds", fields);
  for (const [name, kind] of Object.entries(fields)) {
    checkFieldName(name, place);
    checkChoice(`${place}.${name}`, kind, KINDS);
  }
  return { ...(fields as Record<string, FieldKind>) };
}

/**
 * Checks how numbers become entries.
 *
 * @param place What errors call the option.
 * @param numbers The option as the user passed it.
 * @returns The option.
 * @throws TypeError or RangeError that names the option.
 */
export function checkNumbers(place: string, numbers: unknown): NumbersOption {
  return checkChoice(place, numbers, ["auto", "knots", "standard", "raw"]);
}
