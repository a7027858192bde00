import { burstRateLimitNames, warningName } from '@posthorn/shared';
import type { RequestHandler } from 'express';

/** How long a browser may remember that it may ask, in seconds. */
const rememberedSeconds = 7200;

/**
 * Lets pages of these origins call the API from a browser (CORS); `*` stands for any origin. A preflight has no token, so
 * it is answered before authentication, with nothing but the methods and headers that are allowed. The request itself
 * needs its token like any other. Cookies are never allowed.
 */
export function allowOrigins(origins: readonly string[]): RequestHandler {
  const isForAll = origins.includes('*');
  const exposed = [warningName, ...Object.values(burstRateLimitNames)].join(', ');
  return (request, response, next) => {
    const {
      origin,
      'access-control-request-method': wanted,
      'access-control-request-headers': names,
    } = request.headers;
    if (!isForAll) response.vary('Origin');
    if (origin === undefined || !(isForAll || origins.includes(origin))) {
      next();
      return;
    }
    response.setHeader('Access-Control-Allow-Origin', isForAll ? '*' : origin);
    if (request.method !== 'OPTIONS' || wanted === undefined) {
      response.setHeader('Access-Control-Expose-Headers', exposed);
      next();
      return;
    }
    response.setHeader('Access-Control-Allow-Methods', 'GET, POST, PUT, PATCH, DELETE');
    // Any name may be asked for: those of forwarded headers are the publisher's own.
    if (names !== undefined) response.setHeader('Access-Control-Allow-Headers', names);
    response.vary('Access-Control-Request-Headers');
    response.setHeader('Access-Control-Max-Age', rememberedSeconds);
    response.status(204).end();
  };
}
