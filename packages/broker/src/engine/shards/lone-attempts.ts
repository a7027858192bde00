import type { RedisConnection } from '../redis/connect.ts';

/** Distinguishes the attempts of a message. */
interface Attempt {
  id: string;
  retried: number;
  crashes: number;
}

/**
 * BullMQ counts a crash for every message that a worker had, also for those that it had only just fetched. These notes in
 * the job of a suspect say which crashes met it while it was delivered alone.
 */
export interface LoneAttempts {
  /** Dispatchers that ended while they delivered this message alone, at this attempt. */
  countCrashes(attempt: Attempt): Promise<number>;
  /** Notes, before it begins, that the message is delivered alone. */
  note(attempt: Attempt): Promise<void>;
}

/** The field of a job: failed attempts before this one, crashes before it, and crashes of lone attempts before it. */
const field = 'lone';

/** @param jobPrefix what BullMQ puts before the ids of the jobs of the shard */
export function createLoneAttempts(redis: RedisConnection, jobPrefix: string): LoneAttempts {
  async function countCrashes({ id, retried, crashes }: Attempt): Promise<number> {
    const text = await redis.hget(jobPrefix + id, field);
    const [atRetried, atCrashes = 0, counted = 0] = (text ?? '').split(' ').map(Number);
    // An attempt has ended with a failure since: the count starts again.
    if (text === null || atRetried !== retried) return 0;
    return crashes > atCrashes ? counted + 1 : counted;
  }

  return {
    countCrashes,
    async note(attempt) {
      const counted = await countCrashes(attempt);
      await redis.setField(jobPrefix + attempt.id, 'data', field, `${attempt.retried} ${attempt.crashes} ${counted}`);
    },
  };
}
