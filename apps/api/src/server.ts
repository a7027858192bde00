import { createServer as createHttpServer, IncomingMessage, ServerResponse, type Server } from 'node:http';
import type { Socket } from 'node:net';
import express, { type Express } from 'express';

/**
 * An HTTP server for an Express app. Express gives every request and response another prototype, which costs a third of
 * the time of a request on Node 20; here they are made with that prototype, and the change changes nothing.
 */
export function createServer(app: Express): Server {
  class Request extends IncomingMessage {}
  class Response extends ServerResponse {}
  const adopt = (prototype: object, original: object, adopted: object) => {
    Object.defineProperties(prototype, Object.getOwnPropertyDescriptors(original));
    Object.defineProperties(prototype, Object.getOwnPropertyDescriptors(adopted));
    return prototype;
  };
  Object.assign(app, {
    request: adopt(Request.prototype, express.request, app.request),
    response: adopt(Response.prototype, express.response, app.response),
  });

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
      // Node would answer without a body; `require-host.ts` does it in our form.
      requireHostHeader: false,
    },
    app,
  );
  server.on('clientError', answerBrokenRequest);
  // What a client expects and nobody knows is left alone; Node would refuse it without a body.
  server.on('checkExpectation', app);
  return server;
}

const answers: Record<string, [string, string]> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'The headers are too large; use at most 32 KiB.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'The request took too long.'],
};

/** What is no HTTP never becomes a request; the sender gets an answer in our form nevertheless. */
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
