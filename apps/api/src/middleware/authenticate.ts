import { hash, timingSafeEqual } from 'node:crypto';
import { parseTokenParameter, PosthornError, type Scope } from '@posthorn/shared';
import type { Request, RequestHandler } from 'express';

/** What a request may do, as its token proves it. */
export interface Access {
  scope: Scope;
  /** A name for the token that does not reveal it. */
  caller: string;
  /** The token came in the query, so an `Authorization` header is not ours. */
  tokenInQuery: boolean;
}

export const maxTokenLength = 512;
const paddedBytes = maxTokenLength + 2;

const accessOf = new WeakMap<Request, Access>();

/**
 * The proven access of a request.
 *
 * @throws {PosthornError} `unauthorized` for a request that `authenticate` has not let in; a handler that is reached
 *   without it is a fault of ours, and nothing is ever granted by default
 */
export function readAccess(request: Request): Access {
  const access = accessOf.get(request);
  if (access) return access;
  throw new PosthornError('unauthorized', refusals.missing, {
    cause: new Error('A handler was reached by a request whose token was not checked.'),
  });
}

/** What a refusal says is about the form of the request alone, never about how near a token is to the right one. */
const refusals = {
  missing:
    'The request has no token; send it as Authorization: Bearer <token>. GET /openapi.json describes the API without one.',
  malformed: 'The Authorization header does not have the form Bearer <token>.',
  wrong: 'The token is wrong; QSTASH_TOKEN of the server names the right one.',
};

/**
 * Refuses every request without a valid token (contract T10, T11): public routes stand before it, all
 * others behind it. Tokens are compared in constant time and at one length, so the time of an answer reveals nothing.
 */
export function authenticate(tokens: readonly string[], readOnlyToken: string | undefined): RequestHandler {
  const know = (token: string, scope: Scope) => ({
    padded: pad(token),
    scope,
    caller: hash('sha256', token, 'base64url'),
  });
  const known = tokens.map((token) => know(token, 'write'));
  if (readOnlyToken) known.push(know(readOnlyToken, 'read'));

  return (request, _response, next) => {
    const { token, tokenInQuery, form } = readToken(request);
    const given = pad(token);
    let found: (typeof known)[number] | undefined;
    for (const one of known) {
      if (timingSafeEqual(one.padded, given)) found ??= one;
    }
    if (!found) {
      next(new PosthornError('unauthorized', refusals[form]));
      return;
    }
    accessOf.set(request, { scope: found.scope, caller: found.caller, tokenInQuery });
    next();
  };
}

interface Token {
  token: string;
  tokenInQuery: boolean;
  /** What the request is if its token is not right. */
  form: keyof typeof refusals;
}

/** The header wins over the query, also when it is wrong. */
function readToken(request: Request): Token {
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
