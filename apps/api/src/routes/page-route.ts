import { setImmediate } from 'node:timers/promises';
import { PosthornError } from '@posthorn/shared';
import type { Response } from 'express';
import { route } from './route.ts';

export interface PageLimits {
  /** Requests that are answered at a time. */
  atOnce: number;
  /** Maximum number of waiting requests; further ones are answered with 429 at once. */
  waiting: number;
}

/** How long a response to a slow client counts as being sent, and keeps the next request waiting. */
const slowMs = 5000;
/** The connection of a client that has not read its response after this time is closed: the response is in memory. */
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

/** About how many bytes of a response are written in one turn of the event loop. */
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

/** Resolves when the client has the response, or is slow to read it. */
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
