import { PosthornError, type Endpoint } from '@posthorn/shared';
import type { Request, Response } from 'express';
import type { z } from 'zod';
import { isGone, onGone } from '../middleware/on-gone.ts';
import { route, type Input, type Route } from './route.ts';
import { sendPage } from './send-page.ts';

export interface PageLimits {
  /** Requests that are answered at a time. */
  atOnce: number;
  /** Maximum number of waiting requests; further ones are answered with 429 at once. */
  waiting: number;
}

/** An array that is read while it is sent, so that no process holds all of it. */
type Streamed<T> = T extends readonly (infer E)[] ? AsyncIterable<E> : never;

/** As `route`; an endpoint whose response is an array may answer with its entries one by one. */
export type PageRoute = <P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, R extends z.ZodType>(
  endpoint: Endpoint<P, Q, B, R>,
  answer: (input: Input<P, Q, B>, request: Request) => Promise<z.input<R>> | Streamed<z.input<R>>,
) => Route;

/** How long a client may keep its response waiting until the next request is answered, over all pieces of it. */
const slowMs = 5000;
/** The connection of a client that has not read its response after this time is closed: the response is in memory. */
const maxSlowMs = 60_000;

/**
 * Makes routes for what may read and answer many megabytes: together they answer few requests at a time, so that reading
 * never delays publishing.
 */
export function createPageRoute({ atOnce, waiting }: PageLimits): PageRoute {
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
    const patience = new WeakMap<Response, Patience>();
    // The answer may be a stream, which `route` passes on to `sendPage` as it is.
    const made = route(endpoint as Endpoint, answer as never, (response, page) =>
      sendPage(response, page, () => patience.get(response)?.untilDrained()),
    );
    return {
      ...made,
      async handle(request, response, next) {
        await enter();
        const client = createPatience(response, leave);
        patience.set(response, client);
        try {
          if (!isGone(response)) await made.handle(request, response, next);
          await client.untilTaken();
        } finally {
          client.leave();
        }
      },
    };
  };
}

type Patience = ReturnType<typeof createPatience>;

/** Waits for a client that reads its response, and lets the next request in when that takes too long. */
function createPatience(response: Response, letNextIn: () => void) {
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
