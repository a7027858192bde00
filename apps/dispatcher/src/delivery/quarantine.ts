import type { Deliverer, Job } from '@posthorn/broker';
import type { Admission } from './admit.ts';
import { createSpacing } from './spacing.ts';

/** Suspects that come back in a second to see whether another one is still being delivered. */
const returnsPerSecond = 100;
/** A message is suspect for this many crashes before it counts as poisoned. */
const suspectCrashes = 2;

/** Keeps a message that takes its dispatcher down from doing so for ever, and from taking others with it. */
export interface Quarantine {
  /**
   * The message was in flight so often when its dispatcher ended that it is not tried again: at the last of these crashes
   * it was delivered alone, so that it is not condemned for its company.
   */
  isPoisoned(job: Job): Promise<boolean>;
  /** Admission under which one suspect at a time is delivered: so a crash shows which of them was the cause. */
  around(admission: Admission): Admission;
}

export type LoneAttempts = Pick<Deliverer, 'countLoneCrashes' | 'noteLoneAttempt'>;

export function createQuarantine(poisonAfter: number, attempts: LoneAttempts): Quarantine {
  const suspectAfter = Math.max(1, poisonAfter - suspectCrashes);
  let suspect: Job | undefined;
  const deferMs = createSpacing(returnsPerSecond, () => performance.now());

  return {
    isPoisoned: async (job) =>
      job.crashes >= poisonAfter && (await attempts.countLoneCrashes(job)) >= poisonAfter - suspectAfter,
    around(admission) {
      function leave(job: Job): void {
        if (suspect === job) suspect = undefined;
        admission.leave(job);
      }

      return {
        moved: admission.moved,
        async admit(job) {
          const waitMs = await admission.admit(job);
          if (waitMs > 0 || job.crashes < suspectAfter) return waitMs;
          if (suspect !== undefined) {
            admission.leave(job);
            return deferMs();
          }
          suspect = job;
          try {
            await attempts.noteLoneAttempt(job);
          } catch (error) {
            leave(job);
            throw error;
          }
          return 0;
        },
        leave,
      };
    },
  };
}
