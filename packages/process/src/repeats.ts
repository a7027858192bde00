import type { Log } from './log.ts';

/** After this time without a repetition, the event has ended. */
const quietMs = 10_000;
const lookEveryMs = 1000;
/** Maximum number of reasons that are counted apart: texts that differ each time must not fill the memory. */
const maxReasons = 20;

/**
 * Logs something that may happen thousands of times a second: a line when it happens first, and one with the number of
 * times and the duration when it has not happened for ten seconds.
 */
export function logRepeats(log: Log, level: 'warn' | 'error', name: string): (reason: string, fields?: object) => void {
  const running = new Map<string, { count: number; startedAt: number; lastAt: number }>();
  let timer: NodeJS.Timeout | undefined;

  const look = () => {
    timer = undefined;
    const now = Date.now();
    for (const [reason, { count, startedAt, lastAt }] of running) {
      if (now - lastAt < quietMs) continue;
      running.delete(reason);
      if (count > 1) log[level]({ reason, count, durationMs: lastAt - startedAt }, `${name}.ended`);
    }
    plan();
  };
  const plan = () => {
    if (running.size > 0) timer ??= setTimeout(look, lookEveryMs).unref();
  };

  return (given, fields = {}) => {
    const reason = running.has(given) || running.size < maxReasons ? given : 'other reasons';
    const now = Date.now();
    const known = running.get(reason);
    if (known) {
      known.count++;
      known.lastAt = now;
      return;
    }
    running.set(reason, { count: 1, startedAt: now, lastAt: now });
    log[level]({ reason, ...fields }, name);
    plan();
  };
}
