import { createHash } from 'node:crypto';
import type { Request } from 'express';

/**
 * The name of the cookie of a session. Cookies of one host are not separated by port, so that each installation has a
 * name of its own: two of them do not sign each other out.
 *
 * @param data name of the data in Redis
 */
export function formatCookieName(data: string): string {
  return `posthorn_${createHash('sha256').update(data).digest('hex').slice(0, 12)}`;
}

/** Maximum number of cookies of one name that are checked: another server of the same host may add some for certain paths. */
const maxCookies = 4;

/** The values of a cookie, which is removed from the request. */
export function takeCookies(request: Request, name: string): string[] {
  const { cookie } = request.headers;
  if (!cookie?.includes(`${name}=`)) return [];
  const pairs = cookie.split(';').map((pair) => pair.trim());
  const isOurs = (pair: string) => pair.startsWith(`${name}=`);
  const others = pairs.filter((pair) => !isOurs(pair)).join('; ');
  if (others === '') delete request.headers.cookie;
  else request.headers.cookie = others;
  const { rawHeaders } = request;
  for (let index = rawHeaders.length - 2; index >= 0; index -= 2) {
    if (rawHeaders[index]?.toLowerCase() !== 'cookie') continue;
    const left = (rawHeaders[index + 1] ?? '')
      .split(';')
      .map((pair) => pair.trim())
      .filter((pair) => !isOurs(pair))
      .join('; ');
    if (left === '') rawHeaders.splice(index, 2);
    else rawHeaders[index + 1] = left;
  }
  return pairs
    .filter(isOurs)
    .slice(0, maxCookies)
    .map((pair) => pair.slice(name.length + 1));
}
