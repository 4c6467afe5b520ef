// Numbers as readers of a report see them. They are the same in every locale. No line breaks before a unit.

/** The true minus sign, as wide as a plus sign. */
const MINUS = "\u2212";
/** A space at which no line breaks. */
const SPACE = "\u00a0";
const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/**
 * Writes a number with a given number of significant digits.
 *
 * @param value The number.
 * @param digits Significant digits, from 1 to 15. Integers below a million keep all of theirs. Default: 4.
 * @returns Such as "0.4123", "1,234", "1.5 × 10⁻⁷" or "not a number".
 */
export function formatNumber(value: number, digits: number = 4): string {
  if (Number.isNaN(value)) return "not a number";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : `${MINUS}∞`;
  if (value === 0) return "0";
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return formatCount(value);
  const rounded = Number(value.toPrecision(digits));
  const [, power] = rounded.toExponential().split("e").map(Number);
  if (power < -4 || power >= 9) return scientific(rounded, digits);
  return group(rounded.toFixed(Math.max(0, digits - 1 - power)));
}

function scientific(value: number, digits: number): string {
  const [mantissa, power] = value.toExponential(digits - 1).split("e");
  const exponent = power.replace(/\d/g, (digit) => SUPERSCRIPTS[Number(digit)]).replace("+", "");
  const short = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
  return `${short}${SPACE}×${SPACE}10${exponent.replace("-", "⁻")}`.replace(/^-/, MINUS);
}

/**
 * Writes a number without zeros at its end, for numbers that do not stand in a column.
 *
 * @param value The number.
 * @param digits Significant digits, from 1 to 15. Default: 4.
 * @returns Such as "0.5" where `formatNumber` writes "0.5000".
 */
export function formatShort(value: number, digits: number = 4): string {
  const text = formatNumber(value, digits);
  return /^\S*\.\d+$/.test(text) ? text.replace(/\.?0+$/, "") : text;
}

/**
 * Writes a number with a fixed number of decimals.
 *
 * @param value A finite number.
 * @param decimals Digits behind the point, from 0 to 20.
 * @returns Such as "1,234.50".
 */
export function formatFixed(value: number, decimals: number): string {
  return group(value.toFixed(decimals));
}

/**
 * Writes a number of things.
 *
 * @param count An integer.
 * @returns Such as "80,000".
 */
export function formatCount(count: number): string {
  return group(String(count));
}

/** Puts commas between the thousands. */
function group(digits: string): string {
  const [whole, fraction] = digits.split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  const text = fraction === undefined ? grouped : `${grouped}.${fraction}`;
  return text.replace(/^-(?=[0.,]*$)/, "").replace(/^-/, MINUS);
}

/**
 * Writes a share.
 *
 * @param share The share, 1 for all.
 * @returns Such as "12.3 %"; "under 0.1 %" for a share that is small and not 0.
 */
export function formatShare(share: number): string {
  if (!Number.isFinite(share)) return formatNumber(share);
  if (share > 0 && share < 0.001) return `under 0.1${SPACE}%`;
  if (share < 1 && share > 0.999) return `over 99.9${SPACE}%`;
  return share === 0 || share === 1 ? `${share * 100}${SPACE}%` : `${formatFixed(share * 100, 1)}${SPACE}%`;
}

/**
 * Writes a number with its sign.
 *
 * @param value The number.
 * @returns Such as "+0.41".
 */
export function formatSigned(value: number): string {
  const text = formatNumber(value, 3);
  return value > 0 ? `+${text}` : text;
}

/**
 * Writes a span of time.
 *
 * @param seconds The span in seconds.
 * @returns Such as "0.42 s", "3 min 20 s" or "2 h 5 min".
 */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return formatNumber(seconds);
  if (seconds < 9.995) return `${formatFixed(seconds, 2)}${SPACE}s`;
  if (seconds < 59.95) return `${formatFixed(seconds, 1)}${SPACE}s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)}${SPACE}min ${whole % 60}${SPACE}s`;
  const minutes = Math.round(seconds / 60);
  return `${formatCount(Math.floor(minutes / 60))}${SPACE}h ${minutes % 60}${SPACE}min`;
}
