import { formatDuration, type Attempt, type Message, type Place } from '@posthorn/shared';
import type { LanePosition } from '../../engine/lanes/lane-position.ts';
import type { PendingState } from '../../engine/shards/pending.ts';
import type { LogEntry } from '../../engine/log/log-entries.ts';

/** What is known of a message when its place is described. */
export interface PlaceFacts {
  /** Its log, oldest entry first; never empty. */
  entries: readonly LogEntry[];
  attempts: readonly Attempt[];
  /** `undefined` after its end. */
  pending: PendingState | undefined;
  queue?: LanePosition | undefined;
  key?: LanePosition | undefined;
  /** What the message that holds the slot of its queue does. */
  holder?: { id: string; isInFlight: boolean; retriesAt?: number } | undefined;
  dlqId?: string | undefined;
  retriedAs: readonly string[];
  dispatchers: number;
  now: number;
  timeZone?: string | undefined;
}

/** Describes where a message is and why, as a sentence and as fields. */
export function describePlace(facts: PlaceFacts): Place {
  const last = facts.entries.at(-1);
  const message = facts.entries[0]?.message;
  if (!last || !message) throw new RangeError('There is no place without a log.');
  const time = (instant: number) => formatTime(instant, facts.now, facts.timeZone);
  const { attempts, pending } = facts;
  const latest = attempts.at(-1);

  if (last.state === 'DELIVERED') {
    const { responseStatus, durationMs } = latest ?? {};
    const how = [responseStatus, durationMs === undefined ? undefined : `after ${formatDuration(durationMs)}`];
    const detail = how.filter((part) => part !== undefined).join(' ');
    const text = `Delivered ${time(last.time)}, ${ordinal(attempts.length)} attempt${detail ? `: ${detail}` : ''}.`;
    return { kind: 'delivered', text, since: last.time };
  }
  if (last.state === 'FAILED') {
    const many = countAttempts(attempts.length);
    const why = `${attempts.length === 1 ? '' : 'the last: '}${trimDot(last.error ?? 'unknown error')}`;
    const [retried] = facts.retriedAs;
    const text = facts.dlqId
      ? `Dead letter since ${time(last.time)}: ${many}, ${why}.`
      : `Failed ${time(last.time)}: ${many}, ${why}. ${retried ? `It was retried as ${retried}.` : 'It is not in the dead letter queue any more.'}`;
    return { kind: 'dead', text, since: last.time };
  }
  if (last.state === 'CANCELED' || (last.state === 'CANCEL_REQUESTED' && pending?.kind !== 'in-flight')) {
    const after = attempts.length === 0 ? 'before the first attempt' : `after ${countAttempts(attempts.length)}`;
    return { kind: 'canceled', text: `Canceled ${time(last.time)}, ${after}.`, since: last.time };
  }
  return describePending({ ...facts, message, last, time });
}

interface PendingFacts extends PlaceFacts {
  message: Message;
  last: LogEntry;
  time: (instant: number) => string;
}

function describePending(facts: PendingFacts): Place {
  const { entries, attempts, pending, message, last, now, time } = facts;
  const failed = attempts.filter(({ endedAt }) => endedAt !== undefined);
  const runs = attempts.at(-1)?.endedAt === undefined ? attempts.at(-1) : undefined;
  const dueAt =
    last.state === 'RETRY' ? (last.nextDeliveryTime ?? last.time) : Math.max(message.createdAt, message.notBefore);
  if (pending?.kind === 'in-flight') {
    const since = runs?.startedAt ?? last.time;
    const isCanceled = entries.some(({ state }) => state === 'CANCEL_REQUESTED');
    const number = runs?.number ?? failed.length + 1;
    const text = `In flight since ${time(since)}: ${ordinal(number)} attempt.${isCanceled ? ' It was canceled; this attempt is its last.' : ''}`;
    return { kind: 'in-flight', text, since };
  }
  if (last.state === 'RETRY' && dueAt > now) {
    const { responseStatus = 0, error } = failed.at(-1) ?? {};
    const why =
      responseStatus > 0
        ? `the last answer was ${responseStatus}`
        : `the last attempt failed: ${trimDot(error ?? 'no response')}`;
    const text = `Retry ${failed.length} of ${message.maxRetries} in ${formatDuration(dueAt - now)}; ${why}.`;
    return { kind: 'retrying', text, since: last.time, until: dueAt };
  }
  if (dueAt > now && last.state === 'CREATED') {
    const text = `Delayed until ${time(dueAt)}, in ${formatDuration(dueAt - now)}.`;
    return { kind: 'delayed', text, since: message.createdAt, until: dueAt };
  }
  return describeLane(facts, dueAt) ?? describeDue(facts, dueAt);
}

function describeLane({ message, queue, key, holder, time }: PendingFacts, since: number): Place | undefined {
  const { queueName, flowControl } = message;
  if (queue && queueName !== undefined) {
    const name = queueName;
    if (queue.isPaused) return { kind: 'paused', text: `Waits for queue ${name}, which is paused.`, since, name };
    if (queue.rank !== undefined) {
      const position = queue.holders + queue.rank + 1;
      const what = holder?.isInFlight
        ? ', which is in flight'
        : holder?.retriesAt === undefined
          ? ''
          : `, which retries at ${time(holder.retriesAt)}`;
      const text = `${capitalize(ordinal(position))} in queue ${name}${holder ? `, behind ${holder.id}${what}` : ''}.`;
      return { kind: 'queued', text, since, name, position, ...(holder ? { behind: holder.id } : {}) };
    }
  }
  if (key && flowControl) {
    const { key: name } = flowControl;
    const begin = `Waits for flow-control key ${name}`;
    if (key.isPaused) return { kind: 'paused', text: `${begin}, which is paused.`, since, name };
    const isFull = key.parallelism > 0 && key.holders >= key.parallelism;
    if (key.rank !== undefined && isFull) {
      const text = `${begin}: ${key.holders} of ${key.parallelism} attempts are in flight.`;
      return { kind: 'limited', text, since, name, position: key.rank + 1 };
    }
    if (key.windowEndsAt !== undefined) {
      const text = `${begin}: its rate is used up until ${time(key.windowEndsAt)}.`;
      const position = key.rank === undefined ? {} : { position: key.rank + 1 };
      return { kind: 'limited', text, since, until: key.windowEndsAt, name, ...position };
    }
    if (key.rank !== undefined) {
      return { kind: 'limited', text: `${begin}.`, since, name, position: key.rank + 1 };
    }
  }
  return undefined;
}

function describeDue({ pending, dispatchers, time, now }: PendingFacts, since: number): Place {
  const why = dispatchers === 0 ? 'no dispatcher is running' : 'it waits for a dispatcher';
  const until = pending?.kind === 'asleep' && pending.wakesAt > now ? { until: pending.wakesAt } : {};
  return { kind: 'due', text: `Due since ${time(since)}: ${why}.`, since, ...until };
}

const ordinals = ['', 'first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth', 'ninth', 'tenth'];
const cardinals = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];

/** `second`, `11th`. */
export function ordinal(number: number): string {
  const word = ordinals[number];
  if (word) return word;
  const ending = [11, 12, 13].includes(number % 100) ? 'th' : (['th', 'st', 'nd', 'rd'][number % 10] ?? 'th');
  return `${number}${ending}`;
}

function countAttempts(count: number): string {
  return `${cardinals[count] ?? count} attempt${count === 1 ? '' : 's'}`;
}

/** The time of day, with the date when that is not today; in UTC, and saying so, unless a zone is given. */
function formatTime(instant: number, now: number, timeZone?: string): string {
  const format = new Intl.DateTimeFormat('sv-SE', {
    timeZone: timeZone ?? 'UTC',
    dateStyle: 'short',
    timeStyle: 'medium',
  });
  const [date = '', time = ''] = format.format(instant).split(' ');
  const isToday = format.format(now).startsWith(date);
  return `${isToday ? '' : `${date} `}${time}${timeZone === undefined ? ' UTC' : ''}`;
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function trimDot(text: string): string {
  return text.replace(/\.$/, '');
}
