import type { Job } from '@posthorn/broker';
import { createSpacing } from './spacing.ts';
import { readEndpoint, readOrigin, readSite } from './url-parts.ts';

/** An attempt whose request takes longer than this is slow. */
const slowAfterMs = 250;
/** A slow attempt for which there is no place is ended after this time. */
const endAfterMs = 1000;
/** One site may hold this many times the places that are free: it reaches its limit before it has them all. */
const share = 4;
/** How long messages to the URL of an attempt that was ended start in a slow place only: doubled each time. */
const barredMs = [60_000, 3_600_000] as const;
/** Maximum number of barred URLs that are known, and of origins that have answered in time. */
const maxKnown = 10_000;
const everyMs = 100;
/** The process reports that it has no room until this time after the last refusal. */
const refusedMs = 5000;

/** `Answer.code` of an attempt that was ended because no place was free: the message is deferred. */
export const noSlowPlace = 'NO_SLOW_PLACE';
/** `Answer.code` of an attempt that was ended because slow responses took too much memory; it counts as failed. */
export const slowAndLarge = 'SLOW_AND_LARGE';

export interface SlowAttemptsOptions {
  /** Maximum number of slow attempts. */
  places: number;
  /** No place is given while slow attempts hold more bytes of requests and responses than this. */
  maxBytes: number;
  /** Deferred messages that may come back in a second. */
  returnsPerSecond: number;
  /** A monotonic clock, in milliseconds. */
  now: () => number;
}

/** What this module needs of an attempt whose request is being made. */
export interface RunningAttempt {
  requestBytes: number;
  heldBytes(): number;
  fail(error: string, code: string): void;
  /** The attempt has a slow place now; its worker slot is to be freed. */
  moved(): void;
}

/**
 * Room for attempts that take long, outside the worker slots and shared by all shards of a process. What bounds it is a
 * number of places and a number of bytes, and no site gets all of it.
 */
export interface SlowAttempts {
  /**
   * Where a message may start: in a worker slot, in a slow place that it has taken now, or later. It needs a place when its
   * URL is barred, or its origin has slow attempts in flight and has never answered in time.
   */
  enter(job: Job): 'slot' | 'place' | 'later';
  /** Milliseconds to wait for a message that finds no place. */
  deferMs(): number;
  /** The request is being made. */
  watch(job: Job, attempt: RunningAttempt): void;
  /** The request is over: the attempt is not moved or ended any more. */
  answered(job: Job): void;
  /** The attempt is over: its place is free. */
  leave(job: Job): void;
  inUse(): number;
  /** Attempts that were ended for want of a place or of memory, since the start. */
  ended(): number;
  /** That messages wait for room, now or some seconds ago. */
  trouble(): string | undefined;
  /** Looks at all attempts, as a timer does; `isLate` when the process stood still before. */
  look(isLate?: boolean): void;
  stop(): void;
}

interface Slow {
  site: string;
  origin: string;
  /** `undefined` until its request is being made. */
  startedAt: number | undefined;
  attempt: RunningAttempt | undefined;
}

export function createSlowAttempts(options: SlowAttemptsOptions): SlowAttempts {
  const { places, maxBytes, returnsPerSecond, now } = options;
  /** Attempts in worker slots, by the start of their request. */
  const young = new Map<Job, { startedAt: number; attempt: RunningAttempt }>();
  const slow = new Map<Job, Slow>();
  /** Slow attempts by site and by origin. */
  const sites = new Map<string, number>();
  const origins = new Map<string, number>();
  /** Origins that have answered within a second. */
  const quick = new Set<string>();
  const barred = new Map<string, { until: number; forMs: number }>();
  let bytes = 0;
  let ended = 0;
  let refusedAt = -Infinity;

  const isFull = () => slow.size >= places || bytes >= maxBytes;

  function take(job: Job, startedAt?: number, attempt?: RunningAttempt): boolean {
    const site = readSite(job.message.url);
    const origin = readOrigin(job.message.url);
    if (isFull() || (sites.get(site) ?? 0) >= share * (places - slow.size)) return false;
    slow.set(job, { site, origin, startedAt, attempt });
    add(sites, site, 1);
    add(origins, origin, 1);
    bytes += attempt?.requestBytes ?? 0;
    return true;
  }

  /** Until it is known what a destination does, each message to it would need a slot for a second. */
  function bar(url: string): void {
    const forMs = Math.min(2 * (barred.get(url)?.forMs ?? barredMs[0] / 2), barredMs[1]);
    barred.delete(url);
    barred.set(url, { until: now() + forMs, forMs });
    if (barred.size > maxKnown) barred.delete(barred.keys().next().value ?? '');
  }

  function look(isLate = false): void {
    countBytes();
    for (const [job, { startedAt, attempt }] of young) {
      const ageMs = now() - startedAt;
      if (ageMs < slowAfterMs) break;
      if (take(job, startedAt, attempt)) {
        young.delete(job);
        attempt.moved();
      } else if (ageMs >= endAfterMs && !isLate) {
        // What came while the process stood still has not been read yet: then nothing is ended.
        young.delete(job);
        bar(readEndpoint(job.message.url));
        ended++;
        refusedAt = now();
        attempt.fail('there was no room for another slow attempt', noSlowPlace);
      }
    }
  }

  /** Ends the attempts with the largest responses when they have grown beyond the limit. */
  function countBytes(): void {
    const holders = [...slow.values()].flatMap(({ attempt }) => (attempt ? [attempt] : []));
    const sizes = new Map(holders.map((attempt) => [attempt, attempt.heldBytes()]));
    bytes = holders.reduce((sum, attempt) => sum + attempt.requestBytes + (sizes.get(attempt) ?? 0), 0);
    if (bytes <= maxBytes || holders.length < 2) return;
    for (const attempt of holders.sort((a, b) => (sizes.get(b) ?? 0) - (sizes.get(a) ?? 0))) {
      const size = sizes.get(attempt) ?? 0;
      if (bytes <= maxBytes || size === 0) return;
      bytes -= size;
      ended++;
      attempt.fail('the response was slow and too large to be kept beside other slow ones', slowAndLarge);
    }
  }

  let timer: NodeJS.Timeout | undefined;
  /** Looks regularly as long as any attempt runs: an idle process is not woken. */
  function lookLater(): void {
    if (timer || young.size + slow.size === 0) return;
    const plannedAt = now();
    timer = setTimeout(() => {
      timer = undefined;
      look(now() - plannedAt > 3 * everyMs);
      lookLater();
    }, everyMs);
  }

  return {
    enter(job) {
      if (slow.size === 0 && barred.size === 0) return 'slot';
      const { url } = job.message;
      const isBarred = (barred.get(readEndpoint(url))?.until ?? 0) > now();
      const origin = readOrigin(url);
      if (!isBarred && (!origins.has(origin) || quick.has(origin))) return 'slot';
      if (take(job)) return 'place';
      refusedAt = now();
      return 'later';
    },
    deferMs: createSpacing(returnsPerSecond, now),
    watch(job, attempt) {
      const place = slow.get(job);
      if (place) Object.assign(place, { attempt, startedAt: now() });
      else young.set(job, { startedAt: now(), attempt });
      lookLater();
    },
    answered(job) {
      const startedAt = young.get(job)?.startedAt ?? slow.get(job)?.startedAt;
      young.delete(job);
      if (startedAt === undefined || now() - startedAt >= endAfterMs) return;
      if (barred.size > 0) barred.delete(readEndpoint(job.message.url));
      const origin = readOrigin(job.message.url);
      if (quick.has(origin)) return;
      quick.add(origin);
      if (quick.size > maxKnown) quick.delete(quick.values().next().value ?? '');
    },
    leave(job) {
      young.delete(job);
      const place = slow.get(job);
      if (!place) return;
      slow.delete(job);
      add(sites, place.site, -1);
      add(origins, place.origin, -1);
    },
    inUse: () => slow.size,
    ended: () => ended,
    trouble: () =>
      isFull() || now() - refusedAt < refusedMs
        ? `No room is left for slow attempts: ${slow.size} of ${places} places and ${Math.round(bytes / 1e6)} MB are used, and messages to slow destinations wait. Look for destinations that do not answer, use a shorter Upstash-Timeout, or raise MAX_SLOW_ATTEMPTS.`
        : undefined,
    look,
    stop: () => clearTimeout(timer),
  };
}

/** Counts up or down; what is counted down to 0 is forgotten. */
function add(counts: Map<string, number>, key: string, step: 1 | -1): void {
  const count = (counts.get(key) ?? 0) + step;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
