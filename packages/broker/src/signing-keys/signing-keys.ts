import { createHash, randomInt } from 'node:crypto';
import { everySecond } from '@posthorn/process';
import type { SigningKeys } from '@posthorn/shared';
import type { RedisConnection } from '../engine/redis/connect.ts';
import { keyspace } from '../engine/redis/keyspace.ts';

const field = 'signing-keys';
/** How often the keys are read, in case the notice of a change was lost. */
const reloadSeconds = 5;

interface StoredKeys extends SigningKeys {
  /** Hash of the pair that the environment gave, so that a rotation is not undone by the next start. */
  given?: string;
}

/** The two signing keys: one pair for all processes (contract S5). */
export interface SigningKeyStore {
  /** Creates keys if there are none. A pair from the environment is used until it is rotated away, or changes. */
  prepare(given: Partial<SigningKeys>): Promise<void>;
  get(): Promise<SigningKeys>;
  rotate(): Promise<SigningKeys>;
  /** Keeps the current key in memory, so that signing needs no look-up. A rotation arrives at once. */
  follow(): Promise<{ current: () => string; close: () => void }>;
}

export function createSigningKeys(redis: RedisConnection): SigningKeyStore {
  /** As last read. If Redis has lost its data, these are stored again, because receivers know no others. */
  let known: StoredKeys | undefined;

  async function read(): Promise<{ text: string; keys: StoredKeys | undefined }> {
    const text = (await redis.hget(keyspace.settings, field)) ?? '';
    return { text, keys: text ? (JSON.parse(text) as StoredKeys) : undefined };
  }

  /** Replaces the keys by the result of `change`. Repeats both if another process has changed the keys meanwhile. */
  async function update(change: (keys: StoredKeys | undefined) => StoredKeys | undefined): Promise<StoredKeys> {
    for (;;) {
      const { text, keys } = await read();
      const changed = change(keys);
      if (!changed && keys) return (known = keys);
      const replaced = await redis.replaceField(keyspace.settings, field, text, JSON.stringify(changed), 0);
      if (replaced === 1 && changed) {
        await redis.publish(keyspace.signingKeysChanged, '');
        return (known = changed);
      }
    }
  }

  async function get(): Promise<SigningKeys> {
    const { current, next } = await update((keys) => (keys ? undefined : (known ?? newPair({}))));
    return { current, next };
  }

  return {
    get,
    async prepare(given) {
      const mark = given.current || given.next ? hashPair(given) : undefined;
      await update((keys) => {
        if (!keys) return newPair(given, mark);
        return mark && mark !== keys.given ? { ...keys, ...newPair(given, mark) } : undefined;
      });
    },
    async rotate() {
      const { current, next } = await update((stored) => {
        const keys = stored ?? known;
        return { ...keys, current: keys?.next ?? newKey(), next: newKey() };
      });
      return { current, next };
    },
    async follow() {
      let current: string;
      const reload = () => {
        get().then(
          (keys) => (current = keys.current),
          // Redis is unavailable: nothing is delivered either, and the next reload comes soon.
          () => undefined,
        );
      };
      const subscriber = redis.duplicate();
      subscriber.on('error', () => undefined);
      subscriber.on('message', reload);
      await subscriber.subscribe(keyspace.signingKeysChanged);
      // Read only after the subscription: a change before it would not be reported.
      ({ current } = await get());
      // The same when the connection was lost for a while.
      subscriber.on('ready', reload);
      const reloads = everySecond(reload, reloadSeconds);
      return {
        current: () => current,
        close() {
          reloads.stop();
          subscriber.disconnect();
        },
      };
    },
  };
}

function newPair(given: Partial<SigningKeys>, mark?: string): StoredKeys {
  return { current: given.current || newKey(), next: given.next || newKey(), ...(mark ? { given: mark } : {}) };
}

/** `sig_` and 28 letters and digits, as receivers know it. */
function newKey(): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  return `sig_${Array.from({ length: 28 }, () => alphabet.charAt(randomInt(alphabet.length))).join('')}`;
}

function hashPair({ current = '', next = '' }: Partial<SigningKeys>): string {
  return createHash('sha256').update(`${current} ${next}`).digest('hex').slice(0, 32);
}
