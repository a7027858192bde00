/** Queries whose results are kept. */
const maxKept = 50;

/**
 * A function that gives the result of an earlier call with the same query if that is at most this old; calls at the same
 * time share one.
 */
export function createCache<Q, T>(keepMs: number, read: (query: Q) => Promise<T>): (query: Q) => Promise<T> {
  const kept = new Map<string, { result: Promise<T>; at: number }>();
  return (query) => {
    const key = JSON.stringify(query);
    const last = kept.get(key);
    if (last && performance.now() - last.at < keepMs) return last.result;
    const taken = { result: read(query), at: performance.now() };
    kept.delete(key);
    kept.set(key, taken);
    const [oldest] = kept.keys();
    if (kept.size > maxKept && oldest !== undefined) kept.delete(oldest);
    taken.result.catch(() => {
      if (kept.get(key) === taken) kept.delete(key);
    });
    return taken.result;
  };
}

/**
 * A function whose calls with the same query share one read, from its begin until `keepMs` after its end. Nothing is kept
 * for longer.
 */
export function shareReads<Q, T>(keepMs: number, read: (query: Q) => Promise<T>): (query: Q) => Promise<T> {
  const shared = new Map<string, Promise<T>>();
  return (query) => {
    const key = JSON.stringify(query);
    const known = shared.get(key);
    if (known) return known;
    const started = read(query);
    shared.set(key, started);
    const drop = () => shared.delete(key);
    started.then(() => setTimeout(drop, keepMs), drop);
    return started;
  };
}
