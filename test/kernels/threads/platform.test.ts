// What the platform can do, how a worker starts in a browser, and the options about threads.

import { availableParallelism } from "node:os";
import { afterEach, describe, expect, it, vi } from "vitest";
import { NFM, Recommender } from "../../../src/index.ts";
import { canShareMemory, countCores, startWorker } from "../../../src/kernels/threads/start-worker.ts";
import { WORKER_SOURCE } from "../../../src/kernels/threads/worker-source.ts";
import { Predictor, RecommenderPredictor } from "../../../src/predict.ts";

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

/** A worker as browsers have it, which does nothing. */
class FakeWorker {
  static readonly made: FakeWorker[] = [];
  onerror: (() => void) | null = null;
  readonly messages: unknown[] = [];
  isTerminated = false;

  constructor(readonly url: string | URL) {
    FakeWorker.made.push(this);
  }

  postMessage(message: unknown): void {
    this.messages.push(message);
  }

  terminate(): void {
    this.isTerminated = true;
  }
}

/** Hides Node's modules. */
function asBrowser(worker: unknown): void {
  vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined as never);
  vi.stubGlobal("Worker", worker);
}

describe("in a browser", () => {
  it("a worker starts from a blob with the text, whose address is given back at the end", async () => {
    asBrowser(FakeWorker);
    expect(canShareMemory()).toBe(true);
    const blobs: Blob[] = [];
    vi.spyOn(URL, "createObjectURL").mockImplementation((blob) => {
      blobs.push(blob as Blob);
      return "blob:1";
    });
    const revoke = vi.spyOn(URL, "revokeObjectURL").mockReturnValue(undefined);
    const ended = vi.fn();
    const worker = startWorker("hello", undefined, ended);
    expect(await blobs[0].text()).toBe(WORKER_SOURCE);
    const [made] = FakeWorker.made.splice(0);
    expect([made.url, made.messages]).toEqual(["blob:1", ["hello"]]);
    made.onerror?.();
    expect(ended).toHaveBeenCalledOnce();
    worker.end();
    expect([made.isTerminated, revoke.mock.calls]).toEqual([true, [["blob:1"]]]);
  });

  it("or from the address that the user gives", () => {
    asBrowser(FakeWorker);
    const worker = startWorker("hello", "/thread.js", () => {});
    const [made] = FakeWorker.made.splice(0);
    expect(made.url).toBe("/thread.js");
    worker.end();
    expect(made.isTerminated).toBe(true);
  });

  it("without workers there are no threads", () => {
    asBrowser(undefined);
    expect(canShareMemory()).toBe(false);
    expect(new NFM({ threads: 4 }).threads).toBe(1);
    vi.stubGlobal("navigator", { hardwareConcurrency: 6 });
    expect(countCores()).toBe(6);
  });
});

it("memory cannot be shared where the engine refuses it", () => {
  vi.spyOn(WebAssembly, "Memory").mockImplementation(() => {
    throw new RangeError("no");
  });
  expect(canShareMemory()).toBe(false);
});

describe("the option threads", () => {
  it("is a number, or one per core and at most 8", () => {
    expect(new NFM().threads).toBe(1);
    expect(new NFM({ threads: 3 }).threads).toBe(3);
    expect(new NFM({ threads: "auto" }).threads).toBe(Math.min(availableParallelism(), 8));
    expect(new NFM({ threads: 2, workerUrl: new URL("https://a.example/thread.js") }).threads).toBe(2);
  });

  it.each([
    [{ threads: 0 }, RangeError, "NFM: threads must be"],
    [{ threads: 65 }, RangeError, "NFM: threads must be"],
    [{ threads: 1.5 }, RangeError, "NFM: threads must be"],
    [{ threads: "2" }, TypeError, 'NFM: threads must be a number or "auto"'],
    [{ workerUrl: 3 }, TypeError, "NFM: workerUrl must be a string or a URL"],
  ])("%j is refused", (options, type, message) => {
    expect(() => new NFM(options as never)).toThrow(type);
    expect(() => new NFM(options as never)).toThrow(message);
  });

  it("reaches recommenders and loaded models, which all can be closed", async () => {
    const items = [{ item: "tea" }, { item: "milk" }];
    const recommender = new Recommender(new NFM({ threads: 2 }), items);
    expect(recommender.threads).toBe(2);
    recommender.close();
    await recommender.fit([{ user: "ana" }, { user: "bo" }], ["tea", "milk"], { epochs: 1 });
    const loaded = RecommenderPredictor.load(recommender.save(), { threads: 2 });
    const predictor = Predictor.load(recommender.save(), { threads: 2 });
    for (const each of [recommender, loaded, predictor]) {
      expect(each.threads).toBe(2);
      each.close();
      each[Symbol.dispose]();
    }
    expect(loaded.recommend({ user: "ana" }, { top: 1 })).toEqual(
      recommender.recommend({ user: "ana" }, { top: 1 }),
    );
  });
});
