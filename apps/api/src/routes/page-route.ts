import { setImmediate } from 'node:timers/promises';
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
    const made = route(endpoint, answer, sendPage);
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

/** Bytes of an answer that are written in one turn of the event loop, about. */
const pieceLength = 128 * 1024;

/** Writes a page entry by entry: to write 16 MiB at once would keep all other requests waiting for a tenth of a second. */
async function sendPage(response: Response, page: object): Promise<void> {
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  let text = '';
  const add = async (more: string) => {
    text += more;
    if (text.length < pieceLength) return;
    response.write(text);
    text = '';
    await setImmediate();
  };
  let separator = '{';
  for (const [name, value] of Object.entries(page) as [string, unknown][]) {
    if (value === undefined) continue;
    await add(`${separator}${JSON.stringify(name)}:`);
    separator = ',';
    if (!Array.isArray(value)) await add(JSON.stringify(value));
    else {
      for (const [index, entry] of value.entries()) await add((index === 0 ? '[' : ',') + JSON.stringify(entry));
      await add(value.length === 0 ? '[]' : ']');
    }
  }
  response.end(`${text}${separator === '{' ? '{' : ''}}`);
}

/** Resolves when the client has the answer, or is slow to take it. */
function untilTaken(response: Response): Promise<void> {
  if (!response.writableEnded || response.writableFinished || response.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    let timer = setTimeout(() => {
      resolve();
      timer = setTimeout(() => response.destroy(), maxSlowMs - slowMs);
      timer.unref();
    }, slowMs);
    timer.unref();
    response.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
