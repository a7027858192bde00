import type { Endpoint } from '@posthorn/shared';
import type { Request } from 'express';
import type { z } from 'zod';
import { createGate, type GateLimits } from './gate.ts';
import { route, type Input, type Route } from './route.ts';
import { sendPage } from './send-page.ts';

/** An array that is read while it is sent, so that no process holds all of it. */
type Streamed<T> = T extends readonly (infer E)[] ? AsyncIterable<E> : never;

/** As `route`; an endpoint whose response is an array may answer with its entries one by one. */
export type PageRoute = <P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, R extends z.ZodType>(
  endpoint: Endpoint<P, Q, B, R>,
  answer: (input: Input<P, Q, B>, request: Request) => Promise<z.input<R>> | Streamed<z.input<R>>,
) => Route;

/**
 * Makes routes for what may read and answer many megabytes: together they answer few requests at a time, so that reading
 * never delays publishing.
 */
export function createPageRoute(limits: GateLimits): PageRoute {
  const gate = createGate(limits);
  return (endpoint, answer) => {
    // The response may be a stream, which `route` passes on to `sendPage` as it is.
    const made = route(endpoint as Endpoint, answer as never, {
      send: (response, page) => sendPage(response, page, () => gate.untilDrained(response)),
      isLong: true,
    });
    return { ...made, handle: gate.guard(made.handle) };
  };
}
