import type { Request } from 'express';

/** Where a request came from. IPv4 addresses on a socket that speaks both come in the form of IPv6. */
export function readCallerIp(request: Request): string {
  return (request.ip ?? '').replace(/^::ffff:(?=\d+\.)/, '');
}
