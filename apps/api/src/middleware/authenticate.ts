import { hash, timingSafeEqual } from 'node:crypto';
import { PosthornError, tokenParameter, type Scope } from '@posthorn/shared';
import type { Request, RequestHandler } from 'express';

/** The token that a request came with: its scope, a name for it that does not tell it, and whether it came in the query. */
export interface Access {
  scope: Scope;
  /** None without a token. */
  caller?: string;
  tokenInQuery: boolean;
}

export const maxTokenLength = 512;
const paddedBytes = maxTokenLength + 2;

const accessOf = new WeakMap<Request, Access>();

/** What the token of this request may do. */
export function readAccess(request: Request): Access {
  return accessOf.get(request) ?? { scope: 'read', tokenInQuery: false };
}

/**
 * Lets nobody into `/v2` without a token (contract, http-api.md section 1.2). Tokens are compared in constant time and
 * in a form of one length: the time of an answer tells nothing about a token.
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
    if (!/^\/v\d+(\/|$|\?)/i.test(request.url) && !/^https?:/i.test(request.url)) {
      next();
      return;
    }
    const { token, tokenInQuery } = readToken(request);
    const given = pad(token);
    let found: (typeof known)[number] | undefined;
    for (const one of known) {
      if (timingSafeEqual(one.padded, given)) found ??= one;
    }
    if (!found) {
      next(
        new PosthornError('unauthorized', 'The token is missing or wrong; send it as Authorization: Bearer <token>.'),
      );
      return;
    }
    accessOf.set(request, { scope: found.scope, caller: found.caller, tokenInQuery });
    next();
  };
}

function readToken(request: Request): { token: string; tokenInQuery: boolean } {
  const header = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
  if (header) return { token: header, tokenInQuery: false };
  const parameter = new RegExp(`[?&]${tokenParameter}=([^&]*)`, 'i').exec(request.url)?.[1];
  if (!parameter) return { token: '', tokenInQuery: false };
  try {
    return { token: decodeURIComponent(parameter), tokenInQuery: true };
  } catch {
    return { token: parameter, tokenInQuery: true };
  }
}

/** The length and the text, filled up with zeros. A text that does not fit is no token. */
function pad(token: string): Buffer {
  const padded = Buffer.alloc(paddedBytes);
  if (token.length > maxTokenLength) return padded;
  padded.writeUInt16BE(token.length);
  padded.write(token, 2, 'latin1');
  return padded;
}
