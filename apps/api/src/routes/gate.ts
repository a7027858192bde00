import { PosthornError } from '@posthorn/shared';
import type { RequestHandler, Response } from 'express';
import { isGone, onGone } from '../middleware/on-gone.ts';

export interface GateLimits {
  /** Requests that are answered at a time. */
  atOnce: number;
  /** Maximum number of waiting requests; further ones are answered with 429 at once. */
  waiting: number;
  /** What such a response says. */
  refusal?: string;
}

const tooManyReads =
  'Too many reads of messages, dead letters and the log are running; wait for their responses, then try again.';

/** Lets few requests in at a time (contract E16). */
export interface Gate {
  /**
   * A handler behind the gate. The next request is let in when the client has its response, or is slow to read it.
   *
   * @throws {PosthornError} `rate_limited` when too many are waiting
   */
  guard(handle: RequestHandler): RequestHandler;
  /**
   * Does one part of a request behind the gate, for a request whose other parts depend on its client.
   *
   * @throws {PosthornError} as `guard` does
   */
  pass<T>(work: () => Promise<T>): Promise<T>;
  /** Resolves when the client has taken what was written, or its connection has closed. */
  untilDrained(response: Response): Promise<void> | undefined;
}

/** How long a client may keep its response waiting until the next request is answered, over all pieces of it. */
const slowMs = 5000;
/** The connection of a client that has not read its response after this time is closed: the response is in memory. */
const maxSlowMs = 60_000;

export function createGate({ atOnce, waiting, refusal = tooManyReads }: GateLimits): Gate {
  let busy = 0;
  const queue: (() => void)[] = [];
  const patience = new WeakMap<Response, Patience>();
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
      throw new PosthornError('rate_limited', refusal);
    }
    await new Promise<void>((resolve) => queue.push(resolve));
  };

  return {
    async pass(work) {
      await enter();
      try {
        return await work();
      } finally {
        leave();
      }
    },
    untilDrained: (response) => patience.get(response)?.untilDrained(),
    guard: (handle) => async (request, response, next) => {
      await enter();
      const client = trackClient(response, leave);
      patience.set(response, client);
      try {
        if (!isGone(response)) await handle(request, response, next);
        await client.untilTaken();
      } finally {
        client.leave();
      }
    },
  };
}

type Patience = ReturnType<typeof trackClient>;

/** Waits for a client that reads its response, and lets the next request in when that takes too long. */
function trackClient(response: Response, letNextIn: () => void) {
  let hasLeft = false;
  let waitedMs = 0;
  const leave = () => {
    if (!hasLeft) letNextIn();
    hasLeft = true;
  };
  return {
    leave,
    /** Resolves when the client has taken what was written, or its connection has closed. */
    async untilDrained(): Promise<void> {
      const startedAt = performance.now();
      const timer = setTimeout(leave, Math.max(0, slowMs - waitedMs));
      timer.unref();
      await new Promise<void>((resolve) => {
        const forget = onGone(response, resolve);
        response.once('drain', () => {
          forget();
          resolve();
        });
      });
      clearTimeout(timer);
      waitedMs += performance.now() - startedAt;
    },
    /** Resolves when the client has the response, or is slow to read it. */
    untilTaken(): Promise<void> {
      if (!response.writableEnded || response.writableFinished || isGone(response)) return Promise.resolve();
      return new Promise((resolve) => {
        let timer = setTimeout(
          () => {
            resolve();
            timer = setTimeout(() => response.req.socket.destroy(), maxSlowMs - slowMs);
            timer.unref();
          },
          Math.max(0, slowMs - waitedMs),
        );
        timer.unref();
        onGone(response, () => {
          clearTimeout(timer);
          resolve();
        });
      });
    },
  };
}
