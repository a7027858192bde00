import { setTimeout } from 'node:timers/promises';
import type { RateLimits } from '@posthorn/broker';
import { burstRateLimitNames, PosthornError } from '@posthorn/shared';
import type { RequestHandler, Response } from 'express';
import { readAccess } from './authenticate.ts';

/**
 * A request that Redis has not counted within this time is allowed. Redis is in trouble then, and the caller may be an
 * operator who is looking for the cause.
 */
const countWithinMs = 250;

/**
 * Counts a request of a caller, and reports the limit in the headers of the response.
 *
 * @throws {PosthornError} `rate_limited`
 */
export type CountRequest = (caller: string, response: Response) => Promise<void>;

/** @param limit maximum number of requests per second and token, over all API processes; 0 for no limit */
export function createCountRequest(limits: RateLimits, limit: number): CountRequest {
  return async (caller, response) => {
    if (limit === 0) return;
    const late = setTimeout(countWithinMs, undefined, { ref: false });
    const counted = await Promise.race([limits.count(caller).catch(() => undefined), late]);
    if (!counted) return;
    const { count, resetAtSeconds } = counted;
    response.setHeader(burstRateLimitNames.limit, limit);
    response.setHeader(burstRateLimitNames.remaining, Math.max(0, limit - count));
    response.setHeader(burstRateLimitNames.reset, resetAtSeconds);
    if (count > limit) throw new PosthornError('rate_limited', `Use at most ${limit} requests per second.`);
  };
}

/** For endpoints that are not `unlimited` in the contract. */
export function limitRate(countRequest: CountRequest): RequestHandler {
  return async (request, response, next) => {
    const { caller } = readAccess(request);
    await countRequest(caller, response);
    next();
  };
}
