/**
 * Tries until it succeeds; the last failure is thrown when the time is up.
 *
 * @param attempt throws, or gives `undefined` or `false`, while the condition does not hold yet
 */
export async function eventually<T>(
  attempt: () => T | Promise<T>,
  timeoutMs = 30_000,
): Promise<Exclude<NonNullable<T>, false>> {
  const startedAt = performance.now();
  for (;;) {
    let failure: unknown = new Error(`the condition did not hold within ${timeoutMs} ms`);
    try {
      const value = await attempt();
      if (value !== undefined && value !== null && value !== false) return value as Exclude<NonNullable<T>, false>;
    } catch (error) {
      failure = error;
    }
    const waitedMs = performance.now() - startedAt;
    if (waitedMs > timeoutMs) throw failure;
    // What takes long is looked at less often: the processes under test share the machine with this one.
    await new Promise((resolve) => setTimeout(resolve, Math.min(10 + waitedMs / 8, 200)));
  }
}
