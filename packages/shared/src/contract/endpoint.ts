import type { z } from 'zod';
import type { Method } from '../message/method.ts';
import type { ErrorCode } from './errors.ts';

/** What a token must be able to do to use an endpoint. */
export type Scope = 'read' | 'write';

/** One endpoint of the HTTP API: routes parse with it, the SDK takes its types from it, the documents are printed from it. */
export interface Endpoint<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
  Reply extends z.ZodType = z.ZodType,
> {
  method: Method;
  /** Path with `:name` for parameters. */
  path: string;
  summary: string;
  /** What the summary does not say. */
  description?: string;
  /** `none`: no token is needed. */
  scope: Scope | 'none';
  /** Status of a success; 200 if it is not said. */
  status?: number;
  params?: Params;
  query?: Query;
  body?: Body;
  reply: Reply;
  /** The reply under other statuses than that of a success, and when they come. */
  otherReplies?: Record<number, { when: string; reply: z.ZodType }>;
  /** Refusals of its own, besides those that any endpoint of its form can give. */
  errors?: readonly ErrorCode[];
  /** The options of a message are read from headers (`headers/parse-publish-options.ts`), and from a query of the same names. */
  takesOptions?: true;
  /** The body is the bytes of a message. */
  takesMessage?: true;
  /** The reply is a stream of server-sent events. */
  streams?: true;
  /**
   * Its requests are not limited per second (contract E12): they create messages, or an endpoint of a workflow makes them,
   * and a refusal would cost a retry.
   */
  unlimited?: true;
}

/** Gives an endpoint its exact type. */
export function endpoint<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, R extends z.ZodType>(
  definition: Endpoint<P, Q, B, R>,
): Endpoint<P, Q, B, R> {
  return definition;
}
