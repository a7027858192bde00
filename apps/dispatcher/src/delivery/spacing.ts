/** A deferred message comes back after this time at least, plus up to half of it. */
const minMs = 1000;
/** And after this time at most, however many are deferred. */
const maxMs = 300_000;

/**
 * Waiting times of deferred messages, in milliseconds. As they come back, they are spaced: at most `perSecond` in a
 * second, unless more than `maxMs` allows are deferred. So a large backlog that cannot start costs Redis little.
 */
export function createSpacing(perSecond: number, now: () => number): () => number {
  let lastAt = 0;
  return () => {
    const from = now();
    const soonest = from + minMs + (Math.random() * minMs) / 2;
    lastAt = Math.min(Math.max(soonest, lastAt + 1000 / perSecond), from + maxMs);
    return lastAt - from;
  };
}
