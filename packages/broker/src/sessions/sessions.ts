import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Scope } from '@posthorn/shared';
import type { RedisConnection } from '../engine/redis/connect.ts';
import { keyspace } from '../engine/redis/keyspace.ts';

/** A token that gives access, and what it allows. */
export interface KnownToken {
  token: string;
  scope: Scope;
}

/** A session of the console. */
export interface Session {
  scope: Scope;
  /** In milliseconds since 1970. */
  expiresAt: number;
  /** A name for it that does not reveal its cookie. */
  caller: string;
}

/**
 * Sessions of the console, which all API processes share. The cookie is a random text; Redis knows only a hash of it, and
 * a code of the token that can be computed only with the cookie: neither reveals the token. A session is valid as long as
 * one of the tokens of this process matches that code.
 */
export interface Sessions {
  /** Opens a session for this token and gives its cookie. */
  open(token: KnownToken): Promise<{ cookie: string; session: Session }>;
  /** The session of a cookie; `undefined` when it has ended, was closed, or its token was replaced. */
  read(cookie: string): Promise<Session | undefined>;
  close(cookie: string): Promise<void>;
  /** A code that opens one session for this token within ten minutes. */
  createCode(token: KnownToken): Promise<{ code: string; expiresAt: number }>;
  /** The token that a code stands for, once. */
  redeem(code: string): Promise<KnownToken | undefined>;
  /**
   * Counts a sign-in of an address as failed, before it is looked at: attempts at the same time must not go beyond the
   * limit. Resolves to how many there are in the current minute.
   */
  countAttempt(address: string): Promise<number>;
  /** The sign-in did not fail. */
  forgiveAttempt(address: string): Promise<void>;
}

/**
 * Maximum number of sessions and of codes per scope; with one more, the oldest ends. So the holder of a read-only token
 * can neither fill Redis nor end sessions with full access.
 */
const maxOpen = { sessions: 1000, codes: 100 };

/** In milliseconds. */
export const sessionMs = 12 * 3_600_000;
const codeMs = 600_000;
const scopes: readonly Scope[] = ['read', 'write'];
const failuresMs = 60_000;

/** @param tokens those that are valid now, in this process */
export function createSessions(redis: RedisConnection, tokens: readonly KnownToken[]): Sessions {
  /** The valid token that a code was made of with this secret. */
  const findToken = (secret: string, code: string): KnownToken | undefined => {
    let found: KnownToken | undefined;
    for (const known of tokens) if (isSame(seal(secret, known), code)) found ??= known;
    return found;
  };

  /** Notes a session or a code that was made, and removes the oldest when there are too many. */
  const note = async (list: string, hash: string, expiresAt: number, max: number, keyOf: (hash: string) => string) => {
    await redis.zadd(list, expiresAt, hash);
    await redis.zremrangebyscore(list, '-inf', Date.now());
    for (let left = (await redis.zcard(list)) - max; left > 0; left--) {
      const [oldest] = await redis.zpopmin(list);
      if (oldest !== undefined) await redis.del(keyOf(oldest));
    }
    await redis.pexpireat(list, expiresAt);
  };

  return {
    async open(token) {
      const cookie = createSecret();
      const expiresAt = Date.now() + sessionMs;
      const hash = hashSecret(cookie);
      await redis.set(keyspace.session(hash), `${expiresAt} ${seal(cookie, token)}`, 'PX', sessionMs);
      await note(keyspace.sessions(token.scope), hash, expiresAt, maxOpen.sessions, keyspace.session);
      return { cookie, session: { scope: token.scope, expiresAt, caller: `session:${hash}` } };
    },
    async read(cookie) {
      if (!isSecret(cookie)) return undefined;
      const hash = hashSecret(cookie);
      const [expiresAt = '0', code = ''] = (await redis.get(keyspace.session(hash)))?.split(' ') ?? [];
      const token = findToken(cookie, code);
      if (!token || Number(expiresAt) <= Date.now()) return undefined;
      return { scope: token.scope, expiresAt: Number(expiresAt), caller: `session:${hash}` };
    },
    async close(cookie) {
      if (!isSecret(cookie)) return;
      const hash = hashSecret(cookie);
      if ((await redis.del(keyspace.session(hash))) === 0) return;
      for (const scope of scopes) await redis.zrem(keyspace.sessions(scope), hash);
    },
    async createCode(token) {
      const code = createSecret();
      const hash = hashSecret(code);
      const expiresAt = Date.now() + codeMs;
      await redis.set(keyspace.signInCode(hash), seal(code, token), 'PX', codeMs);
      await note(keyspace.signInCodes(token.scope), hash, expiresAt, maxOpen.codes, keyspace.signInCode);
      return { code, expiresAt };
    },
    async redeem(code) {
      if (!isSecret(code)) return undefined;
      const key = keyspace.signInCode(hashSecret(code));
      const sealed = await redis.get(key);
      // If several requests come at once, only one removes the code.
      if (sealed === null || (await redis.del(key)) !== 1) return undefined;
      for (const scope of scopes) await redis.zrem(keyspace.signInCodes(scope), hashSecret(code));
      return findToken(code, sealed);
    },
    async countAttempt(address) {
      const key = keyspace.failedSignIns(address);
      const count = await redis.hincrby(key, 'count', 1);
      // The process that created the key may have died before it set the expiry.
      if (count <= 1 || (await redis.pttl(key)) < 0) await redis.pexpire(key, failuresMs);
      return count;
    },
    async forgiveAttempt(address) {
      const key = keyspace.failedSignIns(address);
      if ((await redis.pttl(key)) > 0) await redis.hincrby(key, 'count', -1);
    },
  };
}

const createSecret = () => randomBytes(32).toString('base64url');
const isSecret = (text: string) => /^[\w-]{43}$/.test(text);
const hashSecret = (secret: string) => createHash('sha256').update(secret).digest('base64url');
/** The scope belongs to it: a token that may only read from now on ends sessions that may write. */
const seal = (secret: string, { token, scope }: KnownToken) =>
  createHmac('sha256', secret).update(`${scope}:${token}`).digest('base64url');

function isSame(a: string, b: string): boolean {
  const [first, second] = [Buffer.from(a), Buffer.from(b)];
  return first.length === second.length && timingSafeEqual(first, second);
}
