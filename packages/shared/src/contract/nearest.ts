/** Longer words are not compared: the time grows with the product of the lengths. */
const maxLength = 60;

/**
 * Finds the name that a misspelled one probably means, whatever the case of its letters. `undefined` if no name is near
 * enough: at most one letter in three is wrong, missing, extra or exchanged with its neighbor.
 */
export function findNearest(word: string, names: Iterable<string>): string | undefined {
  if (word.length > maxLength) return undefined;
  let nearest: string | undefined;
  let nearestDistance = Math.floor(Math.max(word.length, 3) / 3) + 0.5;
  for (const name of names) {
    const distance = measureDistance(word.toLowerCase(), name.toLowerCase(), nearestDistance);
    if (distance < nearestDistance) [nearest, nearestDistance] = [name, distance];
  }
  return nearest;
}

/**
 * Number of letters to change, add, remove or exchange with their neighbors (optimal string alignment), 0.5 for a plural.
 * From `max` on, the result may be smaller than that number.
 */
function measureDistance(a: string, b: string, max: number): number {
  if (a !== b && findStem(a) === findStem(b)) return 0.5;
  if (Math.abs(a.length - b.length) >= max) return max;
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let distance = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + cost);
      if (a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) distance = Math.min(distance, (before[j - 2] ?? 0) + 1);
      row.push(distance);
    }
    [before, last] = [last, row];
  }
  return last[b.length] ?? 0;
}

function findStem(word: string): string {
  return word.replace(/(ies|y|s)$/, '');
}
