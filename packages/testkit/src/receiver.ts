import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from './eventually.ts';

/** A request that arrived in full. */
export interface Received {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
  at: number;
}

/** What the receiver answers: a status, or more of it, or a function that does as it likes. */
export type Reply =
  | number
  | { status: number; headers?: Record<string, string>; body?: string; afterMs?: number }
  | ((response: ServerResponse, request: Received) => void);

/** A destination whose next responses a test sets, and which records its requests. */
export interface Receiver {
  /** `http://127.0.0.1:<port>` */
  url: string;
  requests: Received[];
  /** The URL of one path. */
  urlOf: (path: string) => string;
  /** The requests to one path. */
  at(path: string): Received[];
  /** The first request to a path, once it has arrived. */
  first(path: string): Promise<Received>;
  /** Answers for a path, in turn; the last one stays. Other paths get 200. */
  reply(path: string, ...replies: Reply[]): void;
  stop(): Promise<void>;
}

export async function startReceiver(): Promise<Receiver> {
  const requests: Received[] = [];
  const replies = new Map<string, Reply[]>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const received: Received = {
        method: request.method ?? '',
        path: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks),
        at: Date.now(),
      };
      requests.push(received);
      const planned = replies.get(received.path) ?? [];
      answer(response, received, (planned.length > 1 ? planned.shift() : planned[0]) ?? 200);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const at = (path: string) => requests.filter((request) => request.path === path);
  return {
    url,
    requests,
    urlOf: (path) => url + path,
    at,
    first: (path) => eventually(() => at(path)[0]),
    reply: (path, ...planned) => void replies.set(path, planned),
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function answer(response: ServerResponse, request: Received, reply: Reply): void {
  if (typeof reply === 'function') {
    reply(response, request);
    return;
  }
  const { status, headers = {}, body = '', afterMs = 0 } = typeof reply === 'number' ? { status: reply } : reply;
  setTimeout(() => {
    response.writeHead(status, headers).end(body);
  }, afterMs);
}
