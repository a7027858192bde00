import { createServer as createHttpServer, IncomingMessage, ServerResponse, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { everySecond } from '@posthorn/process';
import express, { type Express } from 'express';
import { createAcceptFirst } from './accept-first.ts';
import { createStuckWatch } from './close-stuck.ts';
import { parseTarget } from './parse-target.ts';

export interface ApiServer {
  server: Server;
  /** Accepts no new connections. Resolves when every request that was read has got its whole response. */
  stop(): Promise<void>;
}

/** How long a client may take nothing of its response, and how often the server looks. */
const stuck = { maxMs: 60_000, lookEverySeconds: 5 };

/**
 * An HTTP server for an Express app. Express replaces the prototype of every request and response, which takes a third
 * of the time of a request on Node 20. Here they are created with that prototype, so that the replacement has no
 * effect.
 */
export function createServer(app: Express): ApiServer {
  /** For each connection, the number of requests that have been read and not yet been answered completely. */
  const connections = new Map<Socket, number>();
  /** For each connection, the last request that was read, and the error in the bytes after it. */
  const lastRequests = new WeakMap<Socket, IncomingMessage>();
  const faults = new WeakMap<Socket, NodeJS.ErrnoException>();
  const acceptFirst = createAcceptFirst();
  let isStopping = false;

  class Request extends IncomingMessage {}
  class Response extends ServerResponse {
    override writeHead(...head: unknown[]): this {
      // Node closes the connection after this response, so that only the last pending one may say so.
      if (isStopping && connections.get(this.req.socket) === 1) this.shouldKeepAlive = false;
      return super.writeHead(...(head as [number]));
    }
  }
  const adopt = (prototype: object, original: object, adopted: object) => {
    Object.defineProperties(prototype, Object.getOwnPropertyDescriptors(original));
    Object.defineProperties(prototype, Object.getOwnPropertyDescriptors(adopted));
    return prototype;
  };
  Object.assign(app, {
    request: adopt(Request.prototype, express.request, app.request),
    response: adopt(Response.prototype, express.response, app.response),
  });

  const handle = (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    // The last response of the connection has been written, so that this request cannot be answered.
    if (socket.writableEnded) return;
    connections.set(socket, (connections.get(socket) ?? 0) + 1);
    lastRequests.set(socket, request);
    response.once('close', () => {
      const left = (connections.get(socket) ?? 1) - 1;
      if (!socket.destroyed) connections.set(socket, left);
      const fault = faults.get(socket);
      if (fault && left === 0 && socket.writable) answerBrokenRequest(fault, socket);
      // The response may have announced that the connection stays open.
      if (isStopping && left === 0) socket.end();
    });
    // Express routes absolute targets of any scheme by their path, and answers some itself.
    const target = parseTarget(request.url ?? '');
    if (target === undefined) {
      refuse(response, 'The request target must be a path or an http(s) URL.');
      return;
    }
    request.url = target;
    acceptFirst.handle(() => {
      app(request, response);
    });
  };
  const server = createHttpServer(
    {
      IncomingMessage: Request,
      ServerResponse: Response,
      // A request may have 32 KiB of headers and a destination of 8 KiB in its first line.
      maxHeaderSize: 40 * 1024,
      headersTimeout: 10_000,
      requestTimeout: 120_000,
      connectionsCheckingInterval: 2000,
      keepAliveTimeout: 65_000,
      // Node would answer without a body. `require-host.ts` answers with JSON.
      requireHostHeader: false,
    },
    handle,
  );
  // A client may close its sending side after its request and still wait for the response. Node would close the
  // connection and go on with the request.
  Object.assign(server, { httpAllowHalfOpen: true });
  server.on('connection', (socket) => {
    acceptFirst.accepted();
    connections.set(socket, 0);
    socket.once('close', () => connections.delete(socket));
  });
  const closeStuck = createStuckWatch(stuck.maxMs);
  const looks = everySecond(() => closeStuck(connections.keys(), performance.now()), stuck.lookEverySeconds);
  server.once('close', looks.stop);
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // Complete requests before the broken one are answered first.
    const isAfterRequests = (connections.get(socket) ?? 0) > 0 && lastRequests.get(socket)?.complete === true;
    if (isAfterRequests && error.code !== 'ECONNRESET') faults.set(socket, error);
    else answerBrokenRequest(error, socket);
  });
  // An unknown `Expect` header is ignored. Node would refuse the request without a body.
  server.on('checkExpectation', handle);
  // Node regards a connection as idle even if its response has not been sent, or its next request has arrived.
  server.closeIdleConnections = () => {
    for (const [socket, unanswered] of connections) if (unanswered === 0) socket.destroy();
  };
  return {
    server,
    stop() {
      isStopping = true;
      return new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
      });
    },
  };
}

/** Answers before Express gets the request, and closes the connection. The body, if any, is not read. */
function refuse(response: ServerResponse, error: string): void {
  const body = JSON.stringify({ error });
  response.writeHead(400, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    Connection: 'close',
  });
  response.end(body);
}

const answers: Record<string, [string, string]> = {
  HPE_INVALID_URL: [
    '400 Bad Request',
    'The request target is not valid: blanks, control characters and non-ASCII characters must be percent-encoded.',
  ],
  HPE_INVALID_EOF_STATE: ['400 Bad Request', 'The request ended before its announced length.'],
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'The headers are too large; use at most 32 KiB.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'The request took too long.'],
};

/** Bytes that are not valid HTTP never become a request. Their sender gets a response with JSON nevertheless. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, text] = answers[error.code ?? ''] ?? ['400 Bad Request', 'The request is not valid HTTP.'];
  const body = JSON.stringify({ error: text });
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
