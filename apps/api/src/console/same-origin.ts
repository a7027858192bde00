import type { Request } from 'express';

/** The header that pages of the console send; a page of another origin can send it only after a refused preflight. */
const consoleHeader = 'x-posthorn-console';

/** Whether a page of this very origin has made the request; another port of the same host is another origin. */
function isSameOrigin(request: Request): boolean {
  const site = request.get('sec-fetch-site');
  if (site !== undefined) return site === 'same-origin';
  const origin = request.get('origin');
  return origin !== undefined && isOwnOrigin(request, origin);
}

/** Whether the cookie of a request counts: only a page of the console can send this header with it. */
export function isFromConsole(request: Request): boolean {
  return request.get(consoleHeader) === '1' && isSameOrigin(request);
}

/** Whether a browser says that a page of another origin has made the request. Programs send neither header. */
export function isFromElsewhere(request: Request): boolean {
  const saysOrigin = request.get('sec-fetch-site') !== undefined || request.get('origin') !== undefined;
  return saysOrigin && !isSameOrigin(request);
}

function isOwnOrigin(request: Request, origin: string): boolean {
  const own = `${request.protocol}://${request.host}`;
  return URL.canParse(origin) && URL.canParse(own) && new URL(origin).host === new URL(own).host;
}
