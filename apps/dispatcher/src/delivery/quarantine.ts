import { setTimeout } from 'node:timers/promises';
import type { Job } from '@posthorn/broker';
import type { Admission } from './admit.ts';
import { createSpacing } from './spacing.ts';

/** Suspects that come back in a second to see whether another one is still being delivered. */
const returnsPerSecond = 100;
/** Those that were fetched together with a suspect have stepped aside when this time has passed, and it starts. */
const alertMs = 250;
/** A message is suspect for this many crashes before it counts as poisoned. */
const suspectCrashes = 2;

/** Keeps a message that takes its dispatcher down from doing so for ever, and from taking others with it. */
export interface Quarantine {
  /** The message was in flight so often when its dispatcher ended that it is not tried again. */
  isPoisoned(job: Job): boolean;
  /** Admission under which one suspect at a time is delivered: so a crash tells which of them was the cause. */
  around(admission: Admission): Admission;
}

export function createQuarantine(poisonAfter: number): Quarantine {
  const suspectAfter = Math.max(1, poisonAfter - suspectCrashes);
  let suspect: Job | undefined;
  const deferMs = createSpacing(returnsPerSecond, () => performance.now());

  return {
    isPoisoned: ({ crashes }) => crashes >= poisonAfter,
    around: (admission) => ({
      moved: admission.moved,
      async admit(job) {
        const waitMs = await admission.admit(job);
        if (waitMs > 0 || job.crashes < suspectAfter) return waitMs;
        if (suspect !== undefined) {
          admission.leave(job);
          return deferMs();
        }
        suspect = job;
        await setTimeout(alertMs);
        return 0;
      },
      leave(job) {
        if (suspect === job) suspect = undefined;
        admission.leave(job);
      },
    }),
  };
}
