import { timingSafeEqual } from 'node:crypto';
import { PosthornError, tokenParameter, type Scope } from '@posthorn/shared';
import type { Request, RequestHandler } from 'express';

/** Scope of the token that a request came with, and whether it came in the query. */
export interface Access {
  scope: Scope;
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
  const known: { padded: Buffer; scope: Scope }[] = tokens.map((token) => ({ padded: pad(token), scope: 'write' }));
  if (readOnlyToken) known.push({ padded: pad(readOnlyToken), scope: 'read' });

  return (request, _response, next) => {
    if (!/^\/v\d+(\/|$|\?)/i.test(request.url) && !/^https?:/i.test(request.url)) {
      next();
      return;
    }
    const { token, tokenInQuery } = readToken(request);
    const given = pad(token);
    let scope: Scope | undefined;
    for (const { padded, scope: granted } of known) {
      if (timingSafeEqual(padded, given)) scope ??= granted;
    }
    if (!scope) {
      next(
        new PosthornError('unauthorized', 'The token is missing or wrong; send it as Authorization: Bearer <token>.'),
      );
      return;
    }
    accessOf.set(request, { scope, tokenInQuery });
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
