import type { IncomingMessage } from 'node:http';
import type { MetricsText, ProcessMetrics } from '@posthorn/process';
import type { RequestHandler } from 'express';
import { Histogram } from 'prom-client';
import type { Route } from './routes/route.ts';

/** Counts and times requests by route and status. The label is the path in the contract, never what a caller wrote. */
export function measureRequests({ registry }: ProcessMetrics, routes: readonly Route[]): RequestHandler {
  const duration = new Histogram({
    name: 'posthorn_http_request_duration_seconds',
    help: 'Time from the headers of a request to the end of its response, by route and status.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  const paths = new Map<unknown, string>(routes.map(({ path, endpoint }) => [path, endpoint.path]));
  /** By the path as Express has it, `undefined` for what no route took; then by method and status. */
  const known = new Map<unknown, Map<string, Histogram.Internal<string>>>();
  const find = (path: unknown, method: string, status: number) => {
    const children = known.get(path) ?? new Map<string, Histogram.Internal<string>>();
    known.set(path, children);
    const key = `${method} ${status}`;
    const pattern = paths.get(path);
    const child = children.get(key) ?? duration.labels(pattern ? method : 'any', pattern ?? 'none', String(status));
    children.set(key, child);
    return child;
  };

  return (request, response, next) => {
    const startedAt = performance.now();
    response.on('finish', () => {
      const route = request.route as { path: unknown } | undefined;
      const child = find(route?.path, request.method, response.statusCode);
      child.observe((performance.now() - startedAt) / 1000);
    });
    next();
  };
}

/** `GET /metrics` on `PORT` (contract R11). */
export function showMetrics({ contentType, write }: MetricsText): RequestHandler {
  return async (_request, response) => {
    const text = await write();
    response.setHeader('Content-Type', contentType);
    response.end(text);
  };
}

/** Runs the handler for a request of this machine, without a token; passes any other on. */
export function forThisMachine(handle: RequestHandler): RequestHandler {
  return (request, response, next) => {
    if (!isLocal(request)) {
      next();
      return;
    }
    return handle(request, response, next);
  };
}

/**
 * Whether a request comes from a program on this machine itself. One that a proxy on this machine has passed on does not,
 * and what such a proxy says of its origin is not believed either. Neither does one of a web page in a browser on this
 * machine: a page of an allowed origin, or of a name that was made to point to this machine, could read the response.
 */
function isLocal({ socket, headers }: IncomingMessage): boolean {
  const isPassedOn = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'].some((name) => headers[name] !== undefined);
  // The user has typed the address: no page reads the response.
  const isOfPage = headers.origin !== undefined || (headers['sec-fetch-site'] ?? 'none') !== 'none';
  const isLoopback = /^(::ffff:)?127\.|^::1$/.test(socket.remoteAddress ?? '');
  return !isPassedOn && !isOfPage && isLoopback && loopbackHost.test(headers.host ?? '');
}

const loopbackHost = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;
