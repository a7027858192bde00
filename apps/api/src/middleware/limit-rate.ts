import { setTimeout } from 'node:timers/promises';
import type { RateLimits } from '@posthorn/broker';
import { burstRateLimitNames, PosthornError } from '@posthorn/shared';
import type { RequestHandler } from 'express';
import { readAccess } from './authenticate.ts';

/**
 * If Redis has not counted the request by then, the request is let through: Redis is in trouble, and the caller may be
 * an operator who is looking for the cause.
 */
const countWithinMs = 250;

/**
 * For endpoints that are not `unlimited` in the contract.
 *
 * @param limit maximum number of requests per second and token, over all API processes; 0 for no limit
 */
export function limitRate(limits: RateLimits, limit: number): RequestHandler {
  return async (request, response, next) => {
    if (limit === 0) {
      next();
      return;
    }
    const { caller } = readAccess(request);
    const late = setTimeout(countWithinMs, undefined, { ref: false });
    const counted = await Promise.race([limits.count(caller).catch(() => undefined), late]);
    if (!counted) {
      next();
      return;
    }
    const { count, resetAtSeconds } = counted;
    response.setHeader(burstRateLimitNames.limit, limit);
    response.setHeader(burstRateLimitNames.remaining, Math.max(0, limit - count));
    response.setHeader(burstRateLimitNames.reset, resetAtSeconds);
    if (count > limit) next(new PosthornError('rate_limited', `Use at most ${limit} requests per second.`));
    else next();
  };
}
