// Guesses what a misspelled name should have been.

/**
 * Finds the name that is nearest to a misspelled one.
 *
 * @param name The misspelled name.
 * @param names The names that exist.
 * @returns The nearest one; null if none is near: more than a third of its letters, and more than two,
 *   differ.
 */
export function nearestName(name: string, names: readonly string[]): string | null {
  let nearest: string | null = null;
  let least = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const one of names) {
    const edits = one.startsWith(name) && name.length > 2 ? 1 : distance(name, one);
    if (edits < least) [nearest, least] = [one, edits];
  }
  return nearest;
}

/** Number of letters to insert, delete or replace (Levenshtein 1966). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const above = row;
    row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = above[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, above[j] + 1, row[j - 1] + 1));
    }
  }
  return row[b.length];
}
