import { estimateRequestBytes, type Delivery } from '@posthorn/broker';
import { createSlowDestinations } from './slow-destinations.ts';
import { createSlowSlots, type SlowSlot } from './slow-slots.ts';
import { createSpacing } from './spacing.ts';
import { originOf } from './url-parts.ts';

/** An attempt whose request takes longer than this is slow. */
const slowAfterMs = 250;
/** A slow attempt for which there is no slow slot is ended after this time. */
const endAfterMs = 1000;
/** A larger body is not read into a worker slot: those have no limit of bytes. No publish has one with the default limits. */
const maxWorkerSlotBytes = 10 * 1024 * 1024;
const everyMs = 100;
/** The process reports that it has no room until this time after the last refusal. */
const refusedMs = 5000;

/** `DestinationResponse.code` of an attempt that was ended because no slow slot was free: the message is deferred. */
export const noSlowSlot = 'NO_SLOW_SLOT';
/** `DestinationResponse.code` of an attempt that was ended because slow responses took too much memory; it counts as failed. */
const slowAndLarge = 'SLOW_AND_LARGE';

export interface SlowAttemptsOptions {
  /** Maximum number of slow attempts. */
  maxSlots: number;
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
  /** The attempt has a slow slot now; its worker slot is to be freed. */
  moved(): void;
}

/** Moves attempts that take long from worker slots to slow slots, which all shards of a process share. */
export interface SlowAttempts {
  /**
   * Where a message may start: in a worker slot, in a slow slot that it has acquired now, or later. With a slow slot it
   * takes the bytes that its request will have: they are read only afterwards.
   */
  enter(delivery: Delivery): 'worker-slot' | 'slow-slot' | 'later';
  /**
   * Whether a message may only start in a slow slot: its URL is confined, its origin has slow attempts in flight and has
   * never answered in time, or its body is very large, as the log of a run may be.
   */
  needsSlowSlot(delivery: Delivery): boolean;
  /** Milliseconds to wait for a message that finds no slow slot. */
  deferMs(): number;
  /** The request is being made. */
  watch(delivery: Delivery, attempt: RunningAttempt): void;
  /**
   * The request is over: the attempt is not moved or ended any more.
   *
   * @param keptBytes of its response, which stay in memory until the attempt is over
   */
  answered(delivery: Delivery, keptBytes: number): void;
  /** The attempt is over: its slow slot is released. */
  leave(delivery: Delivery): void;
  inUse(): number;
  /** Attempts that were ended because no slot or no memory was left, since the start. */
  ended(): number;
  /** Says that messages wait for room, now or some seconds ago. */
  trouble(): string | undefined;
  /** Looks at all attempts, as a timer does; `isLate` when the process stood still before. */
  look(isLate?: boolean): void;
  stop(): void;
}

/** An attempt in a worker slot. */
interface YoungAttempt {
  startedAt: number;
  attempt: RunningAttempt;
}

interface SlowAttempt {
  slot: SlowSlot;
  /** `undefined` until its request is being made. */
  startedAt: number | undefined;
  /** Only while its request is being made. */
  attempt: RunningAttempt | undefined;
}

export function createSlowAttempts({ maxSlots, maxBytes, returnsPerSecond, now }: SlowAttemptsOptions): SlowAttempts {
  const slots = createSlowSlots({ maxSlots, maxBytes });
  const destinations = createSlowDestinations(now);
  /** In the order in which their requests began. */
  const young = new Map<Delivery, YoungAttempt>();
  const slow = new Map<Delivery, SlowAttempt>();
  let ended = 0;
  let refusedAt = -Infinity;

  /** Says whether the attempt has a slow slot now. */
  function acquire(delivery: Delivery, running?: YoungAttempt): boolean {
    const slot = slots.acquire(delivery.message.url, {
      requestBytes: running?.attempt.requestBytes ?? estimateRequestBytes(delivery.message),
      responseBytes: running?.attempt.heldBytes() ?? 0,
    });
    if (!slot) return false;
    slow.set(delivery, { slot, startedAt: running?.startedAt, attempt: running?.attempt });
    return true;
  }

  function look(isLate = false): void {
    countBytes();
    for (const [delivery, running] of young) {
      const ageMs = now() - running.startedAt;
      if (ageMs < slowAfterMs) break;
      if (acquire(delivery, running)) {
        young.delete(delivery);
        running.attempt.moved();
      } else if (ageMs >= endAfterMs && !isLate) {
        // Responses that arrived while the process stood still have not been read yet: then nothing is ended.
        young.delete(delivery);
        defer(delivery, running.attempt);
      }
    }
  }

  /**
   * Ends an attempt for which there is no room: its message comes back and has used no retry. Until it is known how its
   * destination answers, each message to it would need a worker slot for a second: so its URL is confined.
   */
  function defer(delivery: Delivery, attempt: RunningAttempt): void {
    destinations.confine(delivery.message.url);
    ended++;
    refusedAt = now();
    attempt.fail('there was no room for another slow attempt', noSlowSlot);
  }

  /** Counts what has arrived, and ends attempts when all together is beyond the limit, the largest first. */
  function countBytes(): void {
    let requestBytes = 0;
    for (const { slot, attempt } of slow.values()) {
      if (attempt) slots.setBytes(slot, { responseBytes: attempt.heldBytes() });
      requestBytes += slot.requestBytes;
    }
    if (slots.heldBytes() <= maxBytes || slow.size === 1) return;
    // A request may be larger than was estimated from its message. That is no fault of the destination.
    for (const [delivery, each, attempt] of listBy('requestBytes')) {
      if (requestBytes <= maxBytes || requestBytes === each.slot.requestBytes) break;
      requestBytes -= each.slot.requestBytes;
      stopWatching(each);
      defer(delivery, attempt);
    }
    for (const [, each, attempt] of listBy('responseBytes')) {
      if (slots.heldBytes() <= maxBytes || each.slot.responseBytes === 0) return;
      stopWatching(each);
      ended++;
      attempt.fail('the response was slow and too large to be kept beside other slow ones', slowAndLarge);
    }
  }

  /** The attempts that can be ended, the largest first. */
  function listBy(part: 'requestBytes' | 'responseBytes'): [Delivery, SlowAttempt, RunningAttempt][] {
    const running = [...slow].flatMap(([delivery, each]): [Delivery, SlowAttempt, RunningAttempt][] =>
      each.attempt ? [[delivery, each, each.attempt]] : [],
    );
    return running.sort(([, a], [, b]) => b.slot[part] - a.slot[part]);
  }

  /** An attempt that is being ended holds no bytes any more, and its duration says nothing about its destination. */
  function stopWatching(each: SlowAttempt): void {
    each.attempt = each.startedAt = undefined;
    slots.setBytes(each.slot, { requestBytes: 0, responseBytes: 0 });
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

  function needsSlowSlot({ message }: Delivery): boolean {
    if (estimateRequestBytes(message) > maxWorkerSlotBytes || destinations.isConfined(message.url)) return true;
    if (slow.size === 0) return false;
    const origin = originOf(message.url);
    return slots.has(origin) && !destinations.hasAnsweredInTime(origin);
  }

  return {
    needsSlowSlot,
    enter(delivery) {
      if (!needsSlowSlot(delivery)) return 'worker-slot';
      if (acquire(delivery)) return 'slow-slot';
      refusedAt = now();
      return 'later';
    },
    deferMs: createSpacing(returnsPerSecond, now),
    watch(delivery, attempt) {
      const entered = slow.get(delivery);
      if (entered) {
        Object.assign(entered, { attempt, startedAt: now() });
        slots.setBytes(entered.slot, { requestBytes: attempt.requestBytes });
      } else young.set(delivery, { startedAt: now(), attempt });
      lookLater();
    },
    answered(delivery, keptBytes) {
      const moved = slow.get(delivery);
      const startedAt = young.get(delivery)?.startedAt ?? moved?.startedAt;
      young.delete(delivery);
      if (moved) {
        moved.attempt = undefined;
        slots.setBytes(moved.slot, { responseBytes: keptBytes });
      }
      if (startedAt !== undefined && now() - startedAt < endAfterMs) destinations.answeredInTime(delivery.message.url);
    },
    leave(delivery) {
      young.delete(delivery);
      const left = slow.get(delivery);
      if (!left) return;
      slow.delete(delivery);
      slots.release(left.slot);
    },
    inUse: slots.inUse,
    ended: () => ended,
    trouble: () =>
      slots.isFull() || now() - refusedAt < refusedMs
        ? `No room is left for slow attempts: ${slots.inUse()} of ${maxSlots} slots and ${Math.round(slots.heldBytes() / 1e6)} MB are used, and messages to slow destinations wait. Look for destinations that do not answer, use a shorter Upstash-Timeout, or raise MAX_SLOW_ATTEMPTS.`
        : undefined,
    look,
    stop: () => clearTimeout(timer),
  };
}
