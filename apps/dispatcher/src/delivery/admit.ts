import type { Delivery } from '@posthorn/broker';
import type { SlowAttempts } from './slow-attempts.ts';
import { createSpacing } from './spacing.ts';
import { originOf } from './url-parts.ts';

/** A destination may have this many times the slots that are free: it reaches its limit before it has them all. */
const share = 4;
/** How long a message beyond the limit waits for an attempt to end, unless one already takes longer. */
const waitMs = 1000;

/** Divides the worker slots of a shard among destinations, so that none waits because another one is slow. */
export interface Admission {
  /** Resolves to 0 when the message may start, until `leave`; else to the time for which it is deferred, in ms. */
  admit(delivery: Delivery): Promise<number>;
  /** The attempt has moved to a slow slot: its worker slot is free. */
  moved(delivery: Delivery): void;
  leave(delivery: Delivery): void;
}

interface Attempt {
  startedAt: number;
  hasSlot: boolean;
}

interface Destination {
  /** Attempts in flight, the oldest first. */
  attempts: Map<Delivery, Attempt>;
  /** Those of them that are in worker slots. */
  inSlots: number;
  /** Start the attempts of those that wait here. */
  waiting: (() => void)[];
  deferMs: () => number;
}

/**
 * A destination gets at most `share` times the slots that are free: alone it gets most of them, beside others less, and
 * some always stay free. A message beyond that waits here for a moment, which is enough for a destination that answers;
 * for one that does not, it is deferred. Slow attempts have left the slots (`SlowAttempts`), but no destination has more
 * attempts in flight than there are slots.
 *
 * @param slots worker slots of the shard
 * @param now a monotonic clock, in milliseconds
 */
export function createAdmission(
  slots: number,
  slow: Pick<SlowAttempts, 'enter' | 'needsSlowSlot' | 'deferMs' | 'leave'>,
  now: () => number,
): Admission {
  const destinations = new Map<string, Destination>();
  let used = 0;
  let waiters = 0;

  const mayStart = ({ attempts, inSlots }: Destination) => attempts.size < slots && inSlots < share * (slots - used);
  const start = (destination: Destination, delivery: Delivery) => {
    destination.attempts.set(delivery, { startedAt: now(), hasSlot: true });
    destination.inSlots++;
    used++;
  };
  const find = (origin: string): Destination => {
    let destination = destinations.get(origin);
    if (!destination) {
      destination = { attempts: new Map(), inSlots: 0, waiting: [], deferMs: createSpacing(slots, now) };
      destinations.set(origin, destination);
    }
    return destination;
  };
  const forgetIfIdle = (origin: string, { attempts, waiting }: Destination) => {
    if (attempts.size === 0 && waiting.length === 0) destinations.delete(origin);
  };

  /** Says whether the attempt was started. */
  const waitForSlot = (origin: string, destination: Destination, delivery: Delivery) =>
    new Promise<boolean>((resolve) => {
      const { waiting } = destination;
      const end = (isStarted: boolean) => {
        clearTimeout(timer);
        waiters--;
        if (isStarted) start(destination, delivery);
        else forgetIfIdle(origin, destination);
        resolve(isStarted);
      };
      const startNow = () => {
        end(true);
      };
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(startNow), 1);
        end(mayStart(destination));
      }, waitMs);
      waiters++;
      waiting.push(startNow);
    });

  /** Gives a free slot to the next waiting attempt of any destination, in one step, so that no other can take it. */
  const handOver = (first: Destination) => {
    used--;
    first.inSlots--;
    if (waiters === 0) return;
    const isNext = (other: Destination) => other.waiting.length > 0 && mayStart(other);
    [first, ...destinations.values()].find(isNext)?.waiting.shift()?.();
  };

  return {
    async admit(delivery) {
      const origin = originOf(delivery.message.url);
      const destination = find(origin);
      if (destination.attempts.size < slots) {
        const where = slow.enter(delivery);
        if (where === 'later') {
          forgetIfIdle(origin, destination);
          return slow.deferMs();
        }
        if (where === 'slow-slot') {
          destination.attempts.set(delivery, { startedAt: now(), hasSlot: false });
          delivery.freeSlot?.();
          return 0;
        }
      } else if (slow.needsSlowSlot(delivery)) {
        return destination.deferMs();
      }
      if (mayStart(destination)) {
        start(destination, delivery);
        return 0;
      }
      const [oldest] = destination.attempts.values();
      const isSlow = oldest !== undefined && now() - oldest.startedAt > waitMs;
      if (!isSlow && (await waitForSlot(origin, destination, delivery))) return 0;
      return destination.deferMs();
    },
    moved(delivery) {
      delivery.freeSlot?.();
      const destination = destinations.get(originOf(delivery.message.url));
      const attempt = destination?.attempts.get(delivery);
      if (!destination || !attempt?.hasSlot) return;
      attempt.hasSlot = false;
      handOver(destination);
    },
    leave(delivery) {
      slow.leave(delivery);
      const origin = originOf(delivery.message.url);
      const destination = destinations.get(origin);
      const attempt = destination?.attempts.get(delivery);
      if (!destination || !attempt) return;
      destination.attempts.delete(delivery);
      if (attempt.hasSlot) handOver(destination);
      forgetIfIdle(origin, destination);
    },
  };
}
