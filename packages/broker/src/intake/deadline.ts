import { PosthornError } from '@posthorn/shared';
import { commandTimeoutMs } from '../engine/redis/connect.ts';

/** How long one request may wait for Redis: as long as a command may at most. */
const maxWaitMs = commandTimeoutMs;

/**
 * The time that a request may still wait for Redis. A publish makes several commands in turn, for its queue, its key, its
 * body and its message, and so do most requests that write: a limit for each command alone would let a client wait for
 * their sum when Redis is in trouble.
 */
export interface Deadline {
  /** @throws {PosthornError} `unavailable` when the work does not end in time; it goes on, and may be done later */
  limit<T>(work: Promise<T>): Promise<T>;
  /** Allows the whole time again, for the next part of what is done in parts. */
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
          leftMs = 0;
          reject(
            new PosthornError('unavailable', 'Redis did not answer in time; the request may yet be done. Try again.'),
          );
        }, leftMs);
        // Before the caller goes on, who may ask for more of the time at once.
        const spend = () => {
          clearTimeout(timer);
          leftMs = Math.max(0, leftMs - Math.round(performance.now() - startedAt));
        };
        work.finally(spend).then(resolve, reject);
      });
    },
  };
}
