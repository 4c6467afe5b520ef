// The routes. A handler takes the current model once and answers without waiting for anything else, so a new
// model never meets a request halfway.

import { createHash, timingSafeEqual } from "node:crypto";
import Fastify, { LogController } from "fastify";
import { eventsBody, predictBody, recommendBody, schemaError, trainQuery } from "./schemas.mjs";

/**
 * Makes the application.
 *
 * @param {object} parts
 * @param {ReturnType<import("./config.mjs").readConfig>} parts.config
 * @param {import("./models.mjs").Models} parts.models
 * @param {import("./events.mjs").EventLog} parts.events
 * @param {import("./training.mjs").Training} parts.training
 * @param {import("./metrics.mjs").Metrics} parts.metrics
 * @param {import("fastify").FastifyBaseLogger} parts.logger
 * @param {{ isStopping: boolean, catalog: Set<string> }} parts.state `catalog`: ids of the items on sale.
 */
export function makeApp({ config, models, events, training, metrics, logger, state }) {
  const app = Fastify({
    loggerInstance: logger,
    // /metrics counts requests; a line for each of them would cost more.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: config.bodyLimit,
    return503OnClosing: false, // requests that come in while the service stops are still answered
    // The values stay as they came: "7" is no number, and a field too many is an error.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
    schemaErrorFormatter: schemaError,
  });
  app.removeContentTypeParser("text/plain");

  app.addHook("onResponse", async (request, reply) => {
    const route = request.routeOptions.url ?? "none";
    metrics.request(route, request.method, reply.statusCode, reply.elapsedTime / 1000);
  });
  app.addHook("onRequest", async (_request, reply) => {
    if (state.isStopping) reply.header("connection", "close"); // the client opens its next one elsewhere
  });
  app.setErrorHandler((error, _request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500) logger.error({ err: error });
    const message = status >= 500 ? "the service failed to answer" : error.message;
    return reply.code(status).send({ error: message });
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: "there is no such route" }));

  /** Returns the model, or answers that there is none yet. */
  const modelFor = (reply) => {
    if (models.current === null)
      reply.code(503).header("retry-after", "1").send({ error: "the model is being loaded or trained" });
    return models.current;
  };

  app.post("/predict", { schema: { body: predictBody } }, (request, reply) => {
    const model = modelFor(reply);
    if (model === null) return;
    const predictions = Array.from(model.predictor.predict(request.body.rows));
    reply.send({ version: model.manifest.version, predictions });
  });

  app.post("/recommend", { schema: { body: recommendBody } }, (request, reply) => {
    const model = modelFor(reply);
    if (model === null) return;
    const { context, top = 10, exclude = [], because = 0 } = request.body;
    if (because > 0 && model.reasons === null)
      return reply.code(400).send({ error: "because: this service gives no reasons (REASONS=0)" });
    // Without a history in the request, what the user took lately counts, also what no training has seen yet.
    const history = request.body.history ?? events.recent.of(context.user);
    const items =
      because > 0
        ? model.reasons.recommend(context, { top, exclude, history, because })
        : model.lists.recommend(context, { top, exclude, history });
    reply.send({ version: model.manifest.version, items });
  });

  app.post("/events", { schema: { body: eventsBody } }, async (request, reply) => {
    const wrong = request.body.events.findIndex(({ product }) => !state.catalog.has(product));
    if (wrong >= 0)
      return reply.code(400).send({ error: `events[${wrong}].product is not an item of the catalog` });
    const time = Date.now();
    await events.append(request.body.events.map((event) => ({ country: null, ...event, time })));
    metrics.count("neural_fm_events_total", null, request.body.events.length);
    return reply.code(202).send({ accepted: request.body.events.length });
  });

  app.post("/train", { schema: { querystring: trainQuery } }, (request, reply) => {
    if (!mayTrain(request, config.trainToken))
      return reply.code(403).send({ error: "only who knows the token may start a training" });
    if (!training.start(request.query.mode ?? config.trainMode))
      return reply.code(409).send({ error: "a training is under way" });
    reply.code(202).send({ started: true });
  });

  app.get("/health", (_request, reply) => {
    const manifest = models.current?.manifest ?? null;
    const status = state.isStopping ? "stopping" : manifest === null ? "loading" : "ready";
    const facts = manifest && {
      version: manifest.version,
      trained: manifest.trained,
      age: ageOf(manifest),
      metric: manifest.metric,
    };
    const pid = training.pid;
    reply.code(status === "ready" ? 200 : 503).send({ status, model: facts, training: pid && { pid } });
  });

  app.get("/metrics", (_request, reply) => {
    reply.type("text/plain; version=0.0.4; charset=utf-8").send(metrics.text());
  });
  const gauge = (name, help, read) => {
    metrics.gauge(name, help, () => (models.current === null ? null : read(models.current.manifest)));
  };
  gauge("neural_fm_model_version", "Number of the model that serves.", ({ version }) => version);
  gauge("neural_fm_model_age_seconds", "Time since the model was trained.", ageOf);
  gauge("neural_fm_model_metric", "ndcg@10 of the model on held-out events.", ({ metric }) => metric);
  metrics.gauge("neural_fm_training_running", "1 while a training is under way.", () => {
    return training.running === null ? 0 : 1;
  });
  return app;
}

/** Seconds since a model was trained. */
function ageOf({ trained }) {
  return Math.max(0, (Date.now() - Date.parse(trained)) / 1000);
}

/** Whether a request may start a training. Behind a proxy every request seems to come from this machine. */
function mayTrain({ headers, socket }, token) {
  if (token !== null) {
    const hash = (value) => createHash("sha256").update(value).digest();
    return timingSafeEqual(hash(headers.authorization ?? ""), hash(`Bearer ${token}`));
  }
  const isForwarded = headers.forwarded !== undefined || headers["x-forwarded-for"] !== undefined;
  const isFromBrowser = headers.origin !== undefined; // a page of a stranger, open on this machine
  return !isForwarded && !isFromBrowser && /^(127\.|::1$|::ffff:127\.)/.test(socket.remoteAddress ?? "");
}
