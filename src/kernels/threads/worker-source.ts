// The program of a worker thread, as text. A worker starts from this text, so that no bundler and no web
// server has to know about it. It needs nothing but the message that `Team` sends.

/** The fields of the control block, as positions in an Int32Array. Each has a cache line of its own. */
export const CONTROL = {
  /** The group of commands and the next part of it, see `ticketOf`. */
  ticket: 0,
  /** Number of parts of the group that workers have finished. */
  done: 16,
  /** Number of workers that sleep. */
  sleepers: 32,
  /** 1 while the calling thread sleeps. */
  waiting: 48,
  /** Number of workers that have started. */
  started: 64,
  /** Length of the control block. */
  length: 80,
} as const;

/** Numbers per command: the function and its arguments, of which there are at most 13. */
export const COMMAND = 16;
const MOST_ARGUMENTS = 13;

/** The ticket that ends a worker. */
export const STOP = -1;

/** Time that a thread waits in a loop before it sleeps, in milliseconds. */
export const SPIN = 0.2;

/** Number of looks at the ticket between two looks at the clock. */
const LOOKS = 256;

/** The text. */
export const WORKER_SOURCE: string = `"use strict";
const work = ({ memory, scratch, modules, names, control, commands }) => {
  const exported = {};
  for (const module of modules) {
    Object.assign(exported, new WebAssembly.Instance(module, { env: { memory, scratch } }).exports);
  }
  const functions = names.map((name) => exported[name] ?? (() => {}));
  Atomics.add(control, ${CONTROL.started}, 1);
  let looks = 0;
  let idleSince = performance.now();
  for (;;) {
    const ticket = Atomics.load(control, ${CONTROL.ticket});
    if (ticket === ${STOP}) return;
    const parts = (ticket >> 8) & 255;
    const part = ticket & 255;
    if (part < parts) {
      if (Atomics.compareExchange(control, ${CONTROL.ticket}, ticket, ticket + 1) !== ticket) continue;
      const count = commands[0];
      for (let i = 0; i < count; i++) {
        const at = (1 + i * parts + part) * ${COMMAND};
        functions[commands[at]](
          ${Array.from({ length: MOST_ARGUMENTS }, (_, i) => `commands[at + ${i + 1}]`).join(", ")}
        );
      }
      Atomics.add(control, ${CONTROL.done}, 1);
      if (Atomics.load(control, ${CONTROL.waiting}) === 1) Atomics.notify(control, ${CONTROL.done});
      looks = 0;
      idleSince = performance.now();
      continue;
    }
    if (++looks % ${LOOKS} !== 0 || performance.now() - idleSince < ${SPIN}) continue;
    Atomics.add(control, ${CONTROL.sleepers}, 1);
    Atomics.wait(control, ${CONTROL.ticket}, ticket);
    Atomics.sub(control, ${CONTROL.sleepers}, 1);
    idleSince = performance.now();
  }
};
const node = globalThis.process?.getBuiltinModule?.("node:worker_threads");
if (node) node.parentPort.once("message", work);
else onmessage = ({ data }) => { work(data); close(); };
`;
