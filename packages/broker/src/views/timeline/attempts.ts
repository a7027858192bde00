import type { Attempt } from '@posthorn/shared';
import type { LogEntry } from '../../engine/log/log-entries.ts';

/** The attempts that the log of a message tells of, the first one first. */
export function listAttempts(entries: readonly LogEntry[]): Attempt[] {
  const attempts = new Map<number, Attempt>();
  const find = (retried: number, startedAt: number): Attempt => {
    const known = attempts.get(retried);
    if (known) return known;
    const attempt: Attempt = { number: retried + 1, startedAt };
    attempts.set(retried, attempt);
    return attempt;
  };
  const end = (attempt: Attempt, endedAt: number) =>
    Object.assign(attempt, { endedAt, durationMs: Math.max(0, endedAt - attempt.startedAt) });
  for (const { state, retried, time, response, error, nextDeliveryTime } of entries) {
    switch (state) {
      case 'ACTIVE':
        find(retried, time);
        break;
      case 'ERROR': {
        const attempt = end(find(retried, time), time);
        if (response) attempt.responseStatus = response.status;
        if (error !== undefined) attempt.error = error;
        if (response && Object.keys(response.header).length > 0) attempt.responseHeader = response.header;
        break;
      }
      case 'RETRY':
        if (nextDeliveryTime !== undefined) find(retried, time).nextDeliveryTime = nextDeliveryTime;
        break;
      case 'DELIVERED': {
        const last = [...attempts.values()].at(-1) ?? find(0, time);
        end(last, time);
        if (response) last.responseStatus = response.status;
        break;
      }
      case 'CREATED':
      case 'FAILED':
      case 'CANCEL_REQUESTED':
      case 'CANCELED':
        break;
    }
  }
  return [...attempts.values()];
}
