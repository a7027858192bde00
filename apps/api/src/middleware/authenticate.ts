import { hash, timingSafeEqual } from 'node:crypto';
import type { KnownToken, Sessions } from '@posthorn/broker';
import { parseTokenParameter, PosthornError, type Scope } from '@posthorn/shared';
import type { Request, RequestHandler } from 'express';
import { isFromConsole } from '../console/same-origin.ts';
import { takeCookies } from '../console/cookies.ts';

/** The access of a request, which its token or its session proves. */
export interface Access {
  scope: Scope;
  /** A name for the token or the session that does not reveal it. */
  caller: string;
  /** The token came in the query, so an `Authorization` header is not ours. */
  tokenInQuery: boolean;
  /** Whether a session is still open; missing for a token. */
  isValid?: () => Promise<boolean>;
}

const maxTokenLength = 512;
const paddedBytes = maxTokenLength + 2;

/** Where a request has its access. An entry of a WeakMap costs four times as much as the request. */
const accessKey = Symbol('access');
type AccessRequest = Request & { [accessKey]?: Access | undefined };

/**
 * The proven access of a request.
 *
 * @throws {PosthornError} `unauthorized` for a request that `authenticate` has not let in; a handler that is reached
 *   without it is a fault of ours, and nothing is ever granted by default
 */
export function readAccess(request: Request): Access {
  const access = (request as AccessRequest)[accessKey];
  if (access) return access;
  throw new PosthornError('unauthorized', refusals.missing, {
    cause: new Error('A handler was reached by a request whose token was not checked.'),
  });
}

/** The text of a refusal describes only the form of the request, never how close a token is to the right one. */
const refusals = {
  missing:
    'The request has no token; send it as Authorization: Bearer <token>. GET /openapi.json describes the API without one.',
  malformed: 'The Authorization header does not have the form Bearer <token>.',
  wrong: 'The token is wrong; QSTASH_TOKEN of the server names the right one.',
  session: 'The session has ended; sign in again.',
};

/** Gives the token that a text is, if it is one. The time that it takes reveals nothing. */
export type CheckToken = (text: string) => KnownToken | undefined;

/** All tokens of this process, and what each allows. */
export function listTokens(tokens: readonly string[], readOnlyToken: string | undefined): KnownToken[] {
  const known: KnownToken[] = tokens.map((token) => ({ token, scope: 'write' }));
  if (readOnlyToken) known.push({ token: readOnlyToken, scope: 'read' });
  return known;
}

/** Tokens are compared in constant time and at one length. */
export function createCheckToken(tokens: readonly KnownToken[]): CheckToken {
  const known = tokens.map((token) => ({ token, padded: pad(token.token) }));
  return (text) => {
    const given = pad(text);
    let found: KnownToken | undefined;
    for (const { token, padded } of known) if (timingSafeEqual(padded, given)) found ??= token;
    return found;
  };
}

const callers = new Map<string, string>();

/** A name for a known token that does not reveal it. */
export function nameCaller({ token }: KnownToken): string {
  let caller = callers.get(token);
  if (caller === undefined) callers.set(token, (caller = hash('sha256', token, 'base64url')));
  return caller;
}

/** Where sessions of the console are, and the name of their cookie. */
export interface SessionAccess {
  sessions: Pick<Sessions, 'read'>;
  cookieName: string;
}

/**
 * Refuses every request without a valid token (contract T10, T11): public routes stand before it, all
 * others behind it. In place of a token, a page of the console proves itself by the cookie of its session; that counts
 * only for a request that a page of another origin cannot make.
 */
export function authenticate(
  tokens: readonly string[],
  readOnlyToken: string | undefined,
  session?: SessionAccess,
): RequestHandler {
  const known = listTokens(tokens, readOnlyToken);
  const check = createCheckToken(known);

  return async (request, _response, next) => {
    // A cookie of ours must not travel on with a message that forwards all headers.
    const cookies = session ? takeCookies(request, session.cookieName) : [];
    const { token, tokenInQuery, form } = readToken(request);
    if (form === 'missing' && session && cookies.length > 0 && isFromConsole(request)) {
      const access = await readSession(session, cookies);
      (request as AccessRequest)[accessKey] = access;
      next(access ? undefined : new PosthornError('unauthorized', refusals.session));
      return;
    }
    const found = check(token);
    if (!found) {
      next(new PosthornError('unauthorized', refusals[form]));
      return;
    }
    (request as AccessRequest)[accessKey] = { scope: found.scope, caller: nameCaller(found), tokenInQuery };
    next();
  };
}

async function readSession({ sessions }: SessionAccess, cookies: readonly string[]): Promise<Access | undefined> {
  for (const cookie of cookies) {
    const session = await sessions.read(cookie);
    if (!session) continue;
    const { scope, caller } = session;
    return { scope, caller, tokenInQuery: false, isValid: async () => (await sessions.read(cookie)) !== undefined };
  }
  return undefined;
}

interface Token {
  token: string;
  tokenInQuery: boolean;
  /** What the request is if its token is not right. */
  form: 'missing' | 'malformed' | 'wrong';
}

/** The header wins over the query, also when it is wrong. */
export function readToken(request: Request): Token {
  const { authorization } = request.headers;
  const header = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
  if (header) return { token: header, tokenInQuery: false, form: 'wrong' };
  const token = parseTokenParameter(request.url);
  if (token !== undefined) return { token, tokenInQuery: true, form: 'wrong' };
  return { token: '', tokenInQuery: false, form: authorization ? 'malformed' : 'missing' };
}

/** The length and the text, filled up with zeros. A text that does not fit is no token. */
function pad(token: string): Buffer {
  const padded = Buffer.alloc(paddedBytes);
  if (token.length > maxTokenLength) return padded;
  padded.writeUInt16BE(token.length);
  padded.write(token, 2, 'latin1');
  return padded;
}
