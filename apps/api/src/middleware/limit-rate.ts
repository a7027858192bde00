import { setTimeout } from 'node:timers/promises';
import type { RateLimits } from '@posthorn/broker';
import { burstRateLimitNames, PosthornError } from '@posthorn/shared';
import type { RequestHandler } from 'express';
import { readAccess } from './authenticate.ts';

/**
 * Calls that create messages are never limited (contract E12), nor are those that endpoints of workflows make: a
 * refusal would cost a retry.
 */
const unlimited = /^\/v2\/((publish|enqueue|batch|trigger|notify|wait)(\/|$)|workflows\/runs\/[^/])/i;

/**
 * If Redis has not counted the request by then, the request is let through: Redis is in trouble, and the caller may be
 * an operator who is looking for the cause.
 */
const countWithinMs = 250;

/** @param limit maximum number of requests per second and token, over all API processes; 0 for no limit */
export function limitRate(limits: RateLimits, limit: number): RequestHandler {
  return async (request, response, next) => {
    const { caller } = readAccess(request);
    if (limit === 0 || unlimited.test(request.path)) {
      next();
      return;
    }
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
