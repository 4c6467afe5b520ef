// Writes the options of a model as JSON, so that another thread can make the model, and reads them there.
// Code cannot be sent, so layers, losses and optimizers of the user's own are refused.

import { FeatureEncoder } from "../data/feature-encoder.ts";
import type { Layer } from "../layers/layer.ts";
import type { LossName } from "../links.ts";
import { type Loss, lossByName } from "../losses.ts";
import { architectureFromJSON, isBuiltIn } from "../model/architecture.ts";
import { Adagrad, isBuiltInOptimizer, type Optimizer, SGD } from "../optimizers.ts";
import type { NFMOptions } from "../training/options.ts";
import type { ModelDescription } from "./messages.ts";

/**
 * Writes the options of a model as JSON. Values that are wrong are written as they are: the model refuses
 * them.
 *
 * @param options The options as the user passed them.
 * @returns The description.
 * @throws TypeError that names the option, if it holds code of the user's own.
 */
export function describeModel(options: NFMOptions): ModelDescription {
  const { layers, optimizer, encoder, loss } = options;
  const described = {
    optimizer: isObject(optimizer) ? describeOptimizer(optimizer) : null,
    layers: Array.isArray(layers) ? layers.map(describeLayer) : null,
    encoder: encoder instanceof FeatureEncoder ? describeEncoder(encoder) : null,
  };
  const { onNotice: _, ...plain }: Record<string, unknown> = { ...options };
  for (const [name, description] of Object.entries(described)) if (description !== null) delete plain[name];
  if (isObject(loss)) plain.loss = nameOf(loss);
  return { plain, ...described };
}

function isObject<T>(value: T): value is T & object {
  return typeof value === "object" && value !== null;
}

function nameOf(loss: Loss): string {
  if (loss !== lossByName(loss.name as LossName)) throw ownCode("loss");
  return loss.name;
}

function describeOptimizer(optimizer: Optimizer): Record<string, unknown> {
  if (!isBuiltInOptimizer(optimizer)) throw ownCode("optimizer");
  return { name: optimizer.name, ...optimizer.toJSON() };
}

function describeLayer(layer: Layer, i: number): Record<string, unknown> {
  if (!isObject(layer) || !isBuiltIn(layer)) throw ownCode(`layers[${i}]`);
  return { type: layer.type, ...layer.toJSON?.() };
}

function describeEncoder(encoder: FeatureEncoder): NonNullable<ModelDescription["encoder"]> {
  return { fitted: encoder.fitted, json: encoder.fitted ? encoder.toJSON() : encoder.options };
}

function ownCode(option: string): TypeError {
  return new TypeError(
    `fitInWorker: ${option} holds code of your own, which cannot be sent to another thread; ` +
      "train it with new NFM(options).fit",
  );
}

/**
 * Reads what `describeModel` wrote.
 *
 * @param description The description.
 * @returns Options for `new NFM`.
 */
export function readDescription({ plain, optimizer, layers, encoder }: ModelDescription): NFMOptions {
  return {
    ...plain,
    ...(optimizer === null ? {} : { optimizer: makeOptimizer(optimizer) }),
    ...(layers === null ? {} : { layers: architectureFromJSON({ layers }, undefined, "NFM").layers }),
    ...(encoder === null ? {} : { encoder: makeEncoder(encoder) }),
  };
}

function makeOptimizer({ name, ...options }: Readonly<Record<string, unknown>>): Optimizer {
  return name === "sgd" ? new SGD(options) : new Adagrad(options);
}

function makeEncoder({ fitted, json }: NonNullable<ModelDescription["encoder"]>): FeatureEncoder {
  if (!fitted) return new FeatureEncoder(json as ConstructorParameters<typeof FeatureEncoder>[0]);
  return FeatureEncoder.fromJSON(json as Parameters<typeof FeatureEncoder.fromJSON>[0]);
}
