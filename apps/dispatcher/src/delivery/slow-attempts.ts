import { estimateRequestBytes, type Delivery } from '@posthorn/broker';
import { createSpacing } from './spacing.ts';
import { withoutQuery, originOf, siteOf } from './url-parts.ts';

/** An attempt whose request takes longer than this is slow. */
const slowAfterMs = 250;
/** A slow attempt for which there is no place is ended after this time. */
const endAfterMs = 1000;
/** One site may hold this many times what is free of places and bytes: it reaches its limit before it has them all. */
const share = 4;
/** How long messages to the URL of an attempt that was ended start in a slow place only: doubled each time. */
const barredMs = [60_000, 3_600_000] as const;
/** Maximum number of barred URLs that are known, and of origins that have answered in time. */
const maxKnown = 10_000;
/** A larger body is not read into a worker slot: those have no limit of bytes. No publish has one with the default limits. */
const maxSlotBytes = 10 * 1024 * 1024;
const everyMs = 100;
/** The process reports that it has no room until this time after the last refusal. */
const refusedMs = 5000;

/** `DestinationResponse.code` of an attempt that was ended because no place was free: the message is deferred. */
export const noSlowPlace = 'NO_SLOW_PLACE';
/** `DestinationResponse.code` of an attempt that was ended because slow responses took too much memory; it counts as failed. */
export const slowAndLarge = 'SLOW_AND_LARGE';

export interface SlowAttemptsOptions {
  /** Maximum number of slow attempts. */
  places: number;
  /** Maximum number of bytes of requests and responses of all slow attempts, unless there is one alone. */
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
 * Room for attempts that take long, outside the worker slots and shared by all shards of a process. It is limited by a
 * number of places and a number of bytes, and no site gets all of either.
 */
export interface SlowAttempts {
  /**
   * Where a message may start: in a worker slot, in a slow place that it has taken now, or later. It needs a place when its
   * URL is barred, its origin has slow attempts in flight and has never answered in time, or its body is very large, as
   * the log of a run may be. With a place it takes the bytes that its request will have: they are read only afterwards.
   */
  enter(delivery: Delivery): 'slot' | 'place' | 'later';
  /** Whether a message may only start in a slow place. */
  needsPlace(delivery: Delivery): boolean;
  /** Milliseconds to wait for a message that finds no place. */
  deferMs(): number;
  /** The request is being made. */
  watch(delivery: Delivery, attempt: RunningAttempt): void;
  /**
   * The request is over: the attempt is not moved or ended any more.
   *
   * @param keptBytes of its response, which stay in memory until the attempt is over
   */
  answered(delivery: Delivery, keptBytes: number): void;
  /** The attempt is over: its place is free. */
  leave(delivery: Delivery): void;
  inUse(): number;
  /** Attempts that were ended for want of a place or of memory, since the start. */
  ended(): number;
  /** Says that messages wait for room, now or some seconds ago. */
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
  /** Only while its request is being made. */
  attempt: RunningAttempt | undefined;
  requestBytes: number;
  /** As of the last look. */
  responseBytes: number;
}

interface Site {
  places: number;
  bytes: number;
}

export function createSlowAttempts(options: SlowAttemptsOptions): SlowAttempts {
  const { places, maxBytes, returnsPerSecond, now } = options;
  /** Attempts in worker slots, by the start of their request. */
  const young = new Map<Delivery, { startedAt: number; attempt: RunningAttempt }>();
  const slow = new Map<Delivery, Slow>();
  const sites = new Map<string, Site>();
  /** Slow attempts by origin. */
  const origins = new Map<string, number>();
  /** Origins that have answered within a second. */
  const quick = new Set<string>();
  const barred = new Map<string, { until: number; forMs: number }>();
  let bytes = 0;
  let ended = 0;
  let refusedAt = -Infinity;

  const isFull = () => slow.size >= places || bytes >= maxBytes;

  /** Whether a site gets another place, for an attempt with so many bytes. */
  function hasRoom({ places: sitePlaces, bytes: siteBytes }: Site, moreBytes: number): boolean {
    if (slow.size >= places || sitePlaces >= share * (places - slow.size)) return false;
    // What is larger than all room has to be alone in it.
    return bytes === 0 || (bytes + moreBytes <= maxBytes && siteBytes <= share * (maxBytes - bytes));
  }

  /** Changes what is counted for an attempt. */
  function setBytes(place: Slow, change: Partial<Pick<Slow, 'requestBytes' | 'responseBytes'>>): void {
    const before = place.requestBytes + place.responseBytes;
    Object.assign(place, change);
    const added = place.requestBytes + place.responseBytes - before;
    bytes += added;
    const site = sites.get(place.site);
    if (site) site.bytes += added;
  }

  function take(delivery: Delivery, startedAt?: number, attempt?: RunningAttempt): boolean {
    const name = siteOf(delivery.message.url);
    const origin = originOf(delivery.message.url);
    const requestBytes = attempt?.requestBytes ?? estimateRequestBytes(delivery.message);
    const responseBytes = attempt?.heldBytes() ?? 0;
    const site = sites.get(name) ?? { places: 0, bytes: 0 };
    if (!hasRoom(site, requestBytes + responseBytes)) return false;
    const place: Slow = { site: name, origin, startedAt, attempt, requestBytes: 0, responseBytes: 0 };
    slow.set(delivery, place);
    sites.set(name, site);
    site.places++;
    addOrigin(origin, 1);
    setBytes(place, { requestBytes, responseBytes });
    return true;
  }

  /** What is counted down to 0 is forgotten. */
  function addOrigin(origin: string, step: 1 | -1): void {
    const count = (origins.get(origin) ?? 0) + step;
    if (count > 0) origins.set(origin, count);
    else origins.delete(origin);
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
    for (const [delivery, { startedAt, attempt }] of young) {
      const ageMs = now() - startedAt;
      if (ageMs < slowAfterMs) break;
      if (take(delivery, startedAt, attempt)) {
        young.delete(delivery);
        attempt.moved();
      } else if (ageMs >= endAfterMs && !isLate) {
        // What came while the process stood still has not been read yet: then nothing is ended.
        young.delete(delivery);
        defer(delivery, attempt);
      }
    }
  }

  /** Ends an attempt for which there is no room: its message comes back and has used no retry. */
  function defer(delivery: Delivery, attempt: RunningAttempt): void {
    bar(withoutQuery(delivery.message.url));
    ended++;
    refusedAt = now();
    attempt.fail('there was no room for another slow attempt', noSlowPlace);
  }

  /** Counts what has arrived, and ends attempts when all together is beyond the limit, the largest first. */
  function countBytes(): void {
    let requestBytes = 0;
    for (const place of slow.values()) {
      if (place.attempt) setBytes(place, { responseBytes: place.attempt.heldBytes() });
      requestBytes += place.requestBytes;
    }
    if (bytes <= maxBytes || slow.size === 1) return;
    // A request may be larger than was estimated from its message. That is no fault of the destination.
    for (const [delivery, place, attempt] of listBy('requestBytes')) {
      if (requestBytes <= maxBytes || requestBytes === place.requestBytes) break;
      requestBytes -= place.requestBytes;
      release(place);
      defer(delivery, attempt);
    }
    for (const [, place, attempt] of listBy('responseBytes')) {
      if (bytes <= maxBytes || place.responseBytes === 0) return;
      release(place);
      ended++;
      attempt.fail('the response was slow and too large to be kept beside other slow ones', slowAndLarge);
    }
  }

  /** The attempts that can be ended, the largest first. */
  function listBy(part: 'requestBytes' | 'responseBytes'): [Delivery, Slow, RunningAttempt][] {
    const running = [...slow].flatMap(([delivery, place]): [Delivery, Slow, RunningAttempt][] =>
      place.attempt ? [[delivery, place, place.attempt]] : [],
    );
    return running.sort(([, a], [, b]) => b[part] - a[part]);
  }

  /** An attempt that is being ended holds nothing any more, and says nothing about its destination. */
  function release(place: Slow): void {
    place.attempt = place.startedAt = undefined;
    setBytes(place, { requestBytes: 0, responseBytes: 0 });
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

  function needsPlace({ message }: Delivery): boolean {
    if (estimateRequestBytes(message) > maxSlotBytes) return true;
    if (slow.size === 0 && barred.size === 0) return false;
    if ((barred.get(withoutQuery(message.url))?.until ?? 0) > now()) return true;
    const origin = originOf(message.url);
    return origins.has(origin) && !quick.has(origin);
  }

  return {
    needsPlace,
    enter(delivery) {
      if (!needsPlace(delivery)) return 'slot';
      if (take(delivery)) return 'place';
      refusedAt = now();
      return 'later';
    },
    deferMs: createSpacing(returnsPerSecond, now),
    watch(delivery, attempt) {
      const place = slow.get(delivery);
      if (place) {
        Object.assign(place, { attempt, startedAt: now() });
        setBytes(place, { requestBytes: attempt.requestBytes });
      } else young.set(delivery, { startedAt: now(), attempt });
      lookLater();
    },
    answered(delivery, keptBytes) {
      const place = slow.get(delivery);
      const startedAt = young.get(delivery)?.startedAt ?? place?.startedAt;
      young.delete(delivery);
      if (place) {
        place.attempt = undefined;
        setBytes(place, { responseBytes: keptBytes });
      }
      if (startedAt === undefined || now() - startedAt >= endAfterMs) return;
      if (barred.size > 0) barred.delete(withoutQuery(delivery.message.url));
      const origin = originOf(delivery.message.url);
      if (quick.has(origin)) return;
      quick.add(origin);
      if (quick.size > maxKnown) quick.delete(quick.values().next().value ?? '');
    },
    leave(delivery) {
      young.delete(delivery);
      const place = slow.get(delivery);
      if (!place) return;
      setBytes(place, { requestBytes: 0, responseBytes: 0 });
      slow.delete(delivery);
      addOrigin(place.origin, -1);
      const site = sites.get(place.site);
      if (site && --site.places === 0) sites.delete(place.site);
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
