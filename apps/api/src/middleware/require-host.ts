import { PosthornError } from '@posthorn/shared';
import type { RequestHandler } from 'express';

/** A request of HTTP/1.1 has exactly one Host header, one of HTTP/1.0 at most one (RFC 9112 section 3.2). */
export const requireHost: RequestHandler = ({ rawHeaders, httpVersion }, _response, next) => {
  let hosts = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  if (hosts > 1) next(new PosthornError('invalid_request', 'The request has more than one Host header.'));
  else if (hosts === 0 && httpVersion === '1.1') {
    next(new PosthornError('invalid_request', 'The Host header is missing.'));
  } else next();
};
