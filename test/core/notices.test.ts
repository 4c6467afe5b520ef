import { afterEach, describe, expect, it, vi } from "vitest";
import { type Notice, readNotices } from "../../src/core/notices.ts";

afterEach(() => vi.restoreAllMocks());

describe("notices", () => {
  it("come once per kind, and again after a new fit began", () => {
    const heard: Notice[] = [];
    const notices = readNotices({ onNotice: (notice) => heard.push(notice) }, "NFM");
    expect(notices.wants("held-out")).toBe(true);
    notices.tell("held-out", "100 of 1000 rows");
    notices.tell("held-out", "200 of 2000 rows");
    notices.tell("constant-labels", "all labels are 3");
    expect(notices.wants("held-out")).toBe(false);
    notices.renew();
    notices.tell("held-out", "300 of 3000 rows");
    expect(heard).toEqual([
      { kind: "held-out", message: "100 of 1000 rows" },
      { kind: "constant-labels", message: "all labels are 3" },
      { kind: "held-out", message: "300 of 3000 rows" },
    ]);
  });

  it("go to console.warn unless a function is given or they are silenced", () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    readNotices({}, "NFM").tell("held-out", "100 of 1000 rows");
    expect(warn.mock.calls).toEqual([["neural-fm: 100 of 1000 rows"]]);
    const silent = readNotices({ notices: false, onNotice: () => expect.unreachable() }, "NFM");
    silent.tell("held-out", "100 of 1000 rows");
    expect(silent.wants("held-out")).toBe(false);
    expect(warn).toHaveBeenCalledTimes(1);
  });

  it("refuse bad options", () => {
    expect(() => readNotices({ onNotice: "log" as never }, "NFM")).toThrow(
      'NFM: onNotice must be a function, got "log"',
    );
    expect(() => readNotices({ notices: 0 as never }, "NFM")).toThrow(
      "NFM: notices must be a boolean, got 0",
    );
  });
});
