import type { Deliverer, Delivery } from '@posthorn/broker';
import type { Admission } from './admit.ts';
import { createSpacing } from './spacing.ts';

/** Suspects that come back in a second to see whether another one is still being delivered. */
const returnsPerSecond = 100;
/** A message becomes a suspect this many crashes before the limit. As many must meet it while it is delivered alone. */
const suspectCrashes = 2;

/** Keeps a message that takes its dispatcher down from doing so for ever, and from taking others with it. */
export interface Quarantine {
  /**
   * The message was in flight so often when its dispatcher ended that it is not tried again. At two of these crashes it
   * was delivered alone, so that no other message was the cause. A limit below 3 needs one lone crash less than itself.
   */
  isPoisoned(delivery: Delivery): Promise<boolean>;
  /** Admission under which one suspect at a time is delivered: so a crash shows which of them was the cause. */
  around(admission: Admission): Admission;
}

export type LoneAttempts = Pick<Deliverer, 'countLoneCrashes' | 'noteLoneAttempt'>;

export function createQuarantine(poisonAfter: number, attempts: LoneAttempts): Quarantine {
  const suspectAfter = Math.max(1, poisonAfter - suspectCrashes);
  let suspect: Delivery | undefined;
  const deferMs = createSpacing(returnsPerSecond, () => performance.now());

  return {
    isPoisoned: async (delivery) =>
      delivery.crashes >= poisonAfter && (await attempts.countLoneCrashes(delivery)) >= poisonAfter - suspectAfter,
    around(admission) {
      function leave(delivery: Delivery): void {
        if (suspect === delivery) suspect = undefined;
        admission.leave(delivery);
      }

      return {
        moved: admission.moved,
        async admit(delivery) {
          const waitMs = await admission.admit(delivery);
          if (waitMs > 0 || delivery.crashes < suspectAfter) return waitMs;
          if (suspect !== undefined) {
            admission.leave(delivery);
            return deferMs();
          }
          suspect = delivery;
          try {
            await attempts.noteLoneAttempt(delivery);
          } catch (error) {
            leave(delivery);
            throw error;
          }
          return 0;
        },
        leave,
      };
    },
  };
}
