import { PosthornError } from '@posthorn/shared';
import { commandTimeoutMs } from '../engine/redis/connect.ts';

/** How long one publish may wait for Redis: as long as a command may at most. */
const maxWaitMs = commandTimeoutMs;

/**
 * The time that a publish may still wait for Redis. It makes several commands in turn, for its queue, its key, its body
 * and its message: a limit for each of them alone would let a publisher wait for their sum when Redis is in trouble.
 */
export interface Deadline {
  /** @throws {PosthornError} `unavailable` when the work does not end in time; it may end later, and store the message */
  limit<T>(work: Promise<T>): Promise<T>;
  /** Allows the whole time again, for the next part of a batch that is stored in parts. */
  restart(): void;
}

export function startDeadline(): Deadline {
  let leftMs = maxWaitMs;
  return {
    restart() {
      leftMs = maxWaitMs;
    },
    limit(work) {
      const startedAt = performance.now();
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          reject(new PosthornError('unavailable', 'Redis did not store the message in time. Try again.'));
        }, leftMs);
        const end = () => {
          clearTimeout(timer);
          leftMs = Math.max(0, leftMs - Math.round(performance.now() - startedAt));
        };
        work.then(resolve, reject).finally(end);
      });
    },
  };
}
