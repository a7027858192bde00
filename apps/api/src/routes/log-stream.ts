import { contract, PosthornError, StreamQuery, type StreamFilter } from '@posthorn/shared';
import type { Request, Response } from 'express';
import type { AppParts } from '../app-parts.ts';
import { readAccess } from '../middleware/authenticate.ts';
import { isGone, onGone } from '../middleware/on-gone.ts';
import { rawRoute, type Route } from './route.ts';

/**
 * Maximum number of open streams: of a process, of all callers with read-only access, and of one token or session. A
 * read-only token can open any number of sessions: the limit for them leaves streams to callers with full access.
 */
const maxStreams = { all: 200, readOnly: 100, caller: 50 };
const commentEveryMs = 15_000;
/** Bytes that wait for a slow reader. Beyond that, entries are dropped, and the stream says how many. */
const maxWaitingBytes = 1024 * 1024;
/** A connection whose reader has taken nothing for this time is closed. */
const maxStuckMs = 60_000;

/** `GET /v2/logs/stream`: new entries of the log as server-sent events. */
export function logStreamRoutes({ broker, stopping }: AppParts): Route[] {
  const callers = new Map<string, number>();
  let readOnly = 0;

  const stream = (request: Request, response: Response) => {
    // The client may have left while the request waited.
    if (isGone(response)) return;
    const access = readAccess(request);
    const filter: StreamFilter = StreamQuery.parse(request.query);
    const { caller } = access;
    const isReadOnly = access.scope === 'read';
    const open = callers.get(caller) ?? 0;
    const isFullForScope = isReadOnly && readOnly >= maxStreams.readOnly;
    if (open >= maxStreams.caller || isFullForScope || broker.views.stream.count() >= maxStreams.all) {
      throw new PosthornError('rate_limited', 'Too many streams are open; close one, or read GET /v2/logs.');
    }
    const lastId = request.get('last-event-id');
    const cursor = lastId !== undefined && /^\d{1,15}-\d{1,9}$/.test(lastId) ? lastId : filter.cursor;
    response.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      // Proxies such as nginx would keep events back.
      'X-Accel-Buffering': 'no',
    });
    // Express gives it to the route of GET; without a body it would stay open for nothing.
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    response.write(': connected\n\n');
    let stuckSince: number | undefined;
    // Entries come many at a time: what comes at once is sent in one piece.
    let unsent = '';
    const isFull = () => response.writableLength + unsent.length > maxWaitingBytes;
    const write = (event: string) => {
      if (unsent === '') setImmediate(send);
      unsent += event;
    };
    const send = () => {
      if (!isGone(response) && !response.writableEnded) response.write(unsent);
      unsent = '';
    };
    const close = broker.views.stream.open(filter, cursor, {
      isFull,
      entry(id, json) {
        if (isFull()) return false;
        write(`event: line\nid: ${id}\ndata: ${json}\n\n`);
        return true;
      },
      skipped(count) {
        if (isFull()) return false;
        write(`event: skipped\ndata: ${JSON.stringify({ count })}\n\n`);
        return true;
      },
    });
    const end = () => {
      response.end(unsent);
      unsent = '';
    };
    const look = async () => {
      stuckSince = response.writableNeedDrain ? (stuckSince ?? performance.now()) : undefined;
      if (stuckSince !== undefined && performance.now() - stuckSince > maxStuckMs) {
        response.destroy();
        return;
      }
      if (!response.writableNeedDrain) response.write(': still here\n\n');
      // The stream of a closed session must end. While Redis is unavailable, the stream goes on.
      if ((await access.isValid?.().catch(() => true)) === false) end();
    };
    const timer = setInterval(() => void look(), commentEveryMs);
    timer.unref();
    stopping.addEventListener('abort', end);
    // The server keeps connections whose client has closed its side; a reader that has gone does just that.
    const leave = () => response.destroy();
    request.socket.once('end', leave);
    callers.set(caller, open + 1);
    if (isReadOnly) readOnly++;
    onGone(response, () => {
      close();
      clearInterval(timer);
      request.socket.off('end', leave);
      stopping.removeEventListener('abort', end);
      if (isReadOnly) readOnly--;
      const left = (callers.get(caller) ?? 1) - 1;
      if (left > 0) callers.set(caller, left);
      else callers.delete(caller);
    });
  };
  return [rawRoute(contract.events.stream, stream)];
}
