import { describe, expect, it } from "vitest";
import {
  formatCount,
  formatNumber,
  formatSeconds,
  formatShare,
  formatShort,
  formatSigned,
} from "../../../src/cli/report/format.ts";

/** Writes no-break spaces as spaces, and checks that there are no other spaces before a unit. */
const plain = (text: string): string => text.replaceAll("\u00a0", " ");

describe("numbers of a report", () => {
  it.each([
    [0.41234, "0.4123"],
    [0.5, "0.5000"],
    [1.515, "1.515"],
    [-12.3456, "−12.35"],
    [1234.5678, "1,235"],
    [9999.99, "10,000"],
    [80000, "80,000"],
    [999999, "999,999"],
    [123456789.4, "123,500,000"],
    [0, "0"],
    [-0, "0"],
    [3, "3"],
    [0.00012, "0.0001200"],
    [0.00001234, "1.234 × 10⁻⁵"],
    [-2e-8, "−2 × 10⁻⁸"],
    [1.5e12, "1.5 × 10¹²"],
    [NaN, "not a number"],
    [Infinity, "∞"],
    [-Infinity, "−∞"],
  ])("%d is written as %s", (value, text) => expect(plain(formatNumber(value))).toBe(text));

  it("lose zeros at their end where they stand alone, and integers do not", () => {
    expect(formatShort(0.5)).toBe("0.5");
    expect(formatShort(1.43)).toBe("1.43");
    expect(formatShort(100)).toBe("100");
    expect(formatShort(2.00001, 3)).toBe("2");
    expect(plain(formatShort(1.5e-10))).toBe("1.5 × 10⁻¹⁰");
  });

  it("have a sign where it matters", () => {
    expect([0.4123, -0.4123, 0].map(formatSigned)).toEqual(["+0.412", "−0.412", "0"]);
  });

  it("group thousands", () => {
    expect([0, 999, 1000, 1234567].map(formatCount)).toEqual(["0", "999", "1,000", "1,234,567"]);
  });

  it.each([
    [0, "0 %"],
    [1, "100 %"],
    [0.125, "12.5 %"],
    [0.19, "19.0 %"],
    [0.0004, "under 0.1 %"],
    [0.9996, "over 99.9 %"],
    [-0.034, "−3.4 %"],
    [NaN, "not a number"],
  ])("the share %d is %s", (share, text) => expect(plain(formatShare(share))).toBe(text));

  it.each([
    [0.4249, "0.42 s"],
    [9.994, "9.99 s"],
    [12.34, "12.3 s"],
    [59.97, "1 min 0 s"],
    [200, "3 min 20 s"],
    [3599.6, "1 h 0 min"],
    [7500, "2 h 5 min"],
  ])("%d seconds are %s", (seconds, text) => expect(plain(formatSeconds(seconds))).toBe(text));
});
