/** A function that gives the result of an earlier call if that is at most this old; calls at the same time share one. */
export function createCache<T>(keepMs: number, read: () => Promise<T>): () => Promise<T> {
  let last: { result: Promise<T>; at: number } | undefined;
  return () => {
    if (last && performance.now() - last.at < keepMs) return last.result;
    const taken = (last = { result: read(), at: performance.now() });
    taken.result.catch(() => {
      if (last === taken) last = undefined;
    });
    return taken.result;
  };
}
