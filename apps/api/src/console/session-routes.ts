import { sessionMs, startDeadline, type KnownToken, type Sessions } from '@posthorn/broker';
import { logRepeats, type Log } from '@posthorn/process';
import { PosthornError } from '@posthorn/shared';
import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { nameCaller, readToken, type CheckToken } from '../middleware/authenticate.ts';
import type { CountRequest } from '../middleware/limit-rate.ts';
import { readBody } from '../middleware/read-body.ts';
import { readCallerIp } from '../routes/caller-ip.ts';
import { parseJson } from '../routes/route.ts';
import { takeCookies } from './cookies.ts';
import { isFromElsewhere } from './same-origin.ts';

export interface SessionParts {
  sessions: Sessions;
  check: CheckToken;
  countRequest: CountRequest;
  cookieName: string;
  version: string;
  log: Log;
}

const maxBodyBytes = 4096;
/** Failed sign-ins of an address in a minute; after them no token is looked at. */
const maxFailures = 10;

const Credentials = z.union(
  [z.strictObject({ token: z.string().min(1).max(512) }), z.strictObject({ code: z.string().min(1).max(512) })],
  'send {"token": "..."} or {"code": "..."}',
);

/**
 * Sessions of the console: `POST /console/session` signs in with a token or a one-time code, `GET` tells about the
 * session, `DELETE` ends it. `POST /console/code` makes a one-time code for a caller with a token.
 */
export function sessionRoutes({ sessions, check, countRequest, cookieName, version, log }: SessionParts): Router {
  const router = Router();
  const warnOfFailure = logRepeats(log, 'warn', 'console.sign-in-failed');

  const setCookie = (request: Request, response: Response, value: string, maxAgeSeconds: number) => {
    const secure = request.secure ? '; Secure' : '';
    response.setHeader(
      'Set-Cookie',
      `${cookieName}=${value}; HttpOnly; SameSite=Strict; Path=/; Max-Age=${maxAgeSeconds}${secure}`,
    );
  };
  const refuseElsewhere = (request: Request) => {
    if (!isFromElsewhere(request)) return;
    throw new PosthornError('forbidden', 'Only pages of the console may do this.');
  };
  const find = async (credentials: z.output<typeof Credentials>): Promise<KnownToken | undefined> =>
    'token' in credentials ? check(credentials.token) : sessions.redeem(credentials.code);

  router.post('/session', async (request, response) => {
    refuseElsewhere(request);
    const address = findNetwork(readCallerIp(request));
    const body = await readBody(request, maxBodyBytes);
    const credentials = Credentials.parse(parseJson(body.toString('utf8')));
    const cookie = await startDeadline().limit(signIn(request, response, address, credentials));
    setCookie(request, response, cookie, sessionMs / 1000);
    response.status(204).end();
  });

  router.get('/session', async (request, response) => {
    const deadline = startDeadline();
    for (const cookie of takeCookies(request, cookieName)) {
      const session = await deadline.limit(sessions.read(cookie));
      if (!session) continue;
      const { scope, expiresAt } = session;
      response.json({ scope, expiresAt, now: Date.now(), version });
      return;
    }
    throw new PosthornError('unauthorized', 'There is no session; sign in.');
  });

  router.delete('/session', async (request, response) => {
    refuseElsewhere(request);
    const deadline = startDeadline();
    for (const cookie of takeCookies(request, cookieName)) await deadline.limit(sessions.close(cookie));
    setCookie(request, response, '', 0);
    response.status(204).end();
  });

  router.post('/code', async (request, response) => {
    refuseElsewhere(request);
    const { token: text, tokenInQuery } = readToken(request);
    const token = tokenInQuery ? undefined : check(text);
    if (!token) throw new PosthornError('unauthorized', 'Send a token as Authorization: Bearer <token>.');
    await countRequest(nameCaller(token), response);
    response.status(201).json(await startDeadline().limit(sessions.createCode(token)));
  });
  return router;

  /** Opens a session, and gives its cookie. */
  async function signIn(
    request: Request,
    response: Response,
    address: string,
    credentials: z.output<typeof Credentials>,
  ): Promise<string> {
    if ((await sessions.countAttempt(address)) > maxFailures) {
      response.setHeader('Retry-After', 60);
      throw new PosthornError('rate_limited', 'Too many sign-ins failed; wait a minute, then try again.');
    }
    const token = await find(credentials);
    if (!token) {
      warnOfFailure('A sign-in to the console failed.', { address });
      throw new PosthornError(
        'unauthorized',
        'token' in credentials
          ? 'The token is wrong; QSTASH_TOKEN of the server names the right one.'
          : 'The link was used before or is older than ten minutes; sign in with the token.',
      );
    }
    await sessions.forgiveAttempt(address);
    await countRequest(nameCaller(token), response);
    const opened = await sessions.open(token);
    // The session that the browser had before ends, once there is a new one.
    for (const cookie of takeCookies(request, cookieName)) await sessions.close(cookie);
    return opened.cookie;
  }
}

/** The network of an address. An owner of one IPv6 address usually has 2^64 of them. */
function findNetwork(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail = ''] = address.split('::');
  const groups = head.split(':').filter(Boolean);
  const missing = 8 - groups.length - tail.split(':').filter(Boolean).length;
  const full = address.includes('::') ? [...groups, ...Array.from({ length: missing }, () => '0')] : groups;
  return `${full.slice(0, 4).join(':')}::/64`;
}
