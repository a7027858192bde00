import type { Log } from './log.ts';

/** A variable of the environment that is probably meant to be another one. */
export interface Misspelled {
  name: string;
  meant: string;
}

/** The variables that are set, not known, and look like one that is; their values are not looked at. */
export function findMisspelled(
  known: readonly string[],
  variables: Readonly<Record<string, string | undefined>>,
): Misspelled[] {
  return Object.entries(variables).flatMap(([name, value]) => {
    if (!value?.trim() || known.includes(name)) return [];
    const meant = known.find((one) => isMisspelling(name, one));
    return meant === undefined ? [] : [{ name, meant }];
  });
}

/**
 * Whether `name` is `known` with a slip: other case, underscores elsewhere, or letters that are wrong, missing, doubled or
 * swapped. Whole words that differ are no slip: `METRICS_HOST` is not `METRICS_PORT`.
 */
export function isMisspelling(name: string, known: string): boolean {
  const given = name.toUpperCase();
  if (name === known) return false;
  if (given.replaceAll('_', '') === known.replaceAll('_', '')) return true;
  const words = given.split('_');
  const knownWords = known.split('_');
  // Names of one short word are too common.
  if (words.length !== knownWords.length || known.length < 6) return false;
  // Each start compares every variable with every known one. Letters can be counted only where the lengths are close.
  if (knownWords.some((word, index) => Math.abs(word.length - (words[index]?.length ?? 0)) > maxTotalSlips))
    return false;
  const slips = knownWords.map((word, index) => countSlips(words[index] ?? '', word));
  const total = slips.reduce((sum, count) => sum + count, 0);
  return (
    total <= maxTotalSlips &&
    slips.every((count, index) => count <= maxSlips(knownWords[index] ?? '', words[index] ?? ''))
  );
}

const maxTotalSlips = 3;

function maxSlips(one: string, other: string): number {
  const length = Math.max(one.length, other.length);
  if (length <= 5) return 1;
  return length === 6 ? 2 : 3;
}

/** Letters to put in, leave out, replace, or swap with their neighbour. */
function countSlips(one: string, other: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let row = 1; row <= one.length; row++) {
    const current = [row];
    for (let column = 1; column <= other.length; column++) {
      const isSame = one[row - 1] === other[column - 1];
      let fewest = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (isSame ? 0 : 1),
      );
      const isSwapped = one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      if (isSwapped && row > 1 && column > 1) fewest = Math.min(fewest, (beforeLast[column - 2] ?? 0) + 1);
      current.push(fewest);
    }
    beforeLast = last;
    last = current;
  }
  return last[other.length] ?? 0;
}

/** Logs a warning for each variable that is set and probably misspelled. */
export function warnOfMisspelled(log: Log, known: readonly string[], variables: NodeJS.ProcessEnv): void {
  for (const { name, meant } of findMisspelled(known, variables)) {
    log.warn({ reason: `${name} is not a variable of posthorn; is ${meant} meant?` }, 'configuration.misspelt');
  }
}
