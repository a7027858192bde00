import { PosthornError } from '@posthorn/shared';
import type { RequestHandler } from 'express';

/** A request of HTTP/1.1 names its host (RFC 9112 section 3.2); what does not may mean another server. */
export const requireHost: RequestHandler = (request, _response, next) => {
  if (request.headers.host !== undefined || request.httpVersion !== '1.1') next();
  else next(new PosthornError('invalid_request', 'The Host header is missing.'));
};
