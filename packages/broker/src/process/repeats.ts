import type { Log } from './log.ts';

/** A line of each kind is written at most this often. */
const everyMs = 1000;

/**
 * Logs something that may happen thousands of times a second: the first time at once, later once a second, with the
 * number of times since the last line.
 */
export function logRepeats(log: Log, level: 'warn' | 'error', name: string): (reason: string, fields?: object) => void {
  const counts = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;

  const tell = () => {
    timer = undefined;
    for (const [reason, count] of counts) {
      if (count > 0) log[level]({ reason, count }, name);
    }
    const isQuiet = [...counts.values()].every((count) => count === 0);
    counts.clear();
    if (!isQuiet) timer = setTimeout(tell, everyMs).unref();
  };

  return (reason, fields = {}) => {
    const count = counts.get(reason);
    if (count === undefined && !timer) {
      log[level]({ reason, ...fields }, name);
      counts.set(reason, 0);
      timer = setTimeout(tell, everyMs).unref();
      return;
    }
    counts.set(reason, (count ?? 0) + 1);
  };
}
