import type { z } from 'zod';

/** What a token must be able to do to use an endpoint. */
export type Scope = 'read' | 'write';

/** One endpoint of the HTTP API: routes parse with it, the SDK takes its types from it, the documents are printed from it. */
export interface Endpoint<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
  Reply extends z.ZodType = z.ZodType,
> {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path with `:name` for parameters. */
  path: string;
  summary: string;
  /** `none`: no token is needed. */
  scope: Scope | 'none';
  /** Status of a success; 200 if it is not said. */
  status?: number;
  params?: Params;
  query?: Query;
  body?: Body;
  reply: Reply;
}

/** Gives an endpoint its exact type. */
export function endpoint<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, R extends z.ZodType>(
  definition: Endpoint<P, Q, B, R>,
): Endpoint<P, Q, B, R> {
  return definition;
}
