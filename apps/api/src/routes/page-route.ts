import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { PosthornError } from '@posthorn/shared';
import type { Response } from 'express';
import { route } from './route.ts';

export interface PageLimits {
  /** Requests that are answered at a time. */
  atOnce: number;
  /** Requests that wait for that; of more the answer is 429 at once. */
  waiting: number;
}

/** How long an answer that its client is slow to take counts as one that is being answered. */
const slowMs = 5000;
/** A client that has not taken its answer after this time loses its connection: the answer is in memory. */
const maxSlowMs = 60_000;

/**
 * Makes routes for what may read and answer many megabytes: together they answer few requests at a time, so that reading
 * never delays publishing.
 */
export function createPageRoute({ atOnce, waiting }: PageLimits): typeof route {
  let busy = 0;
  const queue: (() => void)[] = [];
  const leave = () => {
    const next = queue.shift();
    if (next) next();
    else busy--;
  };
  const enter = async () => {
    if (busy < atOnce) {
      busy++;
      return;
    }
    if (queue.length >= waiting) {
      throw new PosthornError(
        'rate_limited',
        'Too many reads of messages, dead letters and the log are running; wait for their answers, then try again.',
      );
    }
    await new Promise<void>((resolve) => queue.push(resolve));
  };

  return (endpoint, answer) => {
    const made = route(endpoint, answer);
    return {
      ...made,
      async handle(request, response, next) {
        await enter();
        try {
          if (!response.destroyed) await made.handle(request, response, next);
          await untilTaken(response);
        } finally {
          leave();
        }
      },
    };
  };
}

/** Resolves when the client has the answer, or is slow to take it. */
async function untilTaken(response: Response): Promise<void> {
  if (!response.writableEnded || response.writableFinished || response.destroyed) return;
  const isSlow = await Promise.race([
    once(response, 'close').then(() => false),
    setTimeout(slowMs, true, { ref: false }),
  ]);
  if (!isSlow) return;
  const timer = globalThis.setTimeout(() => response.destroy(), maxSlowMs - slowMs);
  timer.unref();
  response.once('close', () => clearTimeout(timer));
}
