/** Longer words are no slips of the pen, and comparing them costs. */
const maxLength = 60;

/**
 * The name that was probably meant by a misspelt one, in any case of its letters; `undefined` if none is near enough: at
 * most one letter in three is wrong, missing, too many or exchanged with its neighbour.
 */
export function findNearest(word: string, names: Iterable<string>): string | undefined {
  if (word.length > maxLength) return undefined;
  let nearest: string | undefined;
  let least = Math.floor(Math.max(word.length, 3) / 3) + 0.5;
  for (const name of names) {
    const distance = measureDistance(word.toLowerCase(), name.toLowerCase(), least);
    if (distance < least) [nearest, least] = [name, distance];
  }
  return nearest;
}

/** Letters to change, add, leave out or exchange with their neighbours (optimal string alignment); a plural is near. */
function measureDistance(a: string, b: string, least: number): number {
  if (a !== b && findStem(a) === findStem(b)) return 0.5;
  if (Math.abs(a.length - b.length) >= least) return least;
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
