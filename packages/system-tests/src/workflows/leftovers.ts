import type { Redis } from 'ioredis';

/** What stays of runs that have ended: each of these keys expires (contract W5), or is of its shard and stays small. */
const expiring = /^\{d\d+\}:(run:(state|log|entries|event):|history:|answer:|run-letter:)|^\{log\}:segment:|^posthorn:/;
const lists =
  /^\{d\d+\}:(run:(ended|expiry)|deliver:(meta|id|events|marker|stalled-check)|pending(:rows|:\d+)?)$|^\{log\}:head$|^posthorn:/;

/** Keys that a Redis must not have when all runs have ended, and what is wrong about each. */
export async function findLeftovers(redis: Redis): Promise<string[]> {
  const keys = await redis.keys('*');
  const ttls = await Promise.all(keys.map((key) => redis.pttl(key)));
  return keys
    .map((key, index) => {
      if (lists.test(key)) return '';
      if (!expiring.test(key)) return `left in Redis: ${key}`;
      return (ttls[index] ?? 0) === -1 ? `left in Redis without an expiry: ${key}` : '';
    })
    .filter((fault) => fault !== '');
}
