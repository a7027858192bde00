import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findMisspelled, isMisspelling } from './misspelled.ts';

const documented = [
  ...readFileSync(join(__dirname, '../../../docs/configuration.md'), 'utf8').matchAll(/^\| `([A-Z_]+)`/gm),
].map(([, name = '']) => name);

test.each([
  ['QSTASH_TOKN', 'QSTASH_TOKEN'],
  ['QSTASH_TOEKN', 'QSTASH_TOKEN'],
  ['qstash_token', 'QSTASH_TOKEN'],
  ['QSTASHTOKEN', 'QSTASH_TOKEN'],
  ['QSTASH_READ_ONLY_TOKEN', 'QSTASH_READONLY_TOKEN'],
  ['DISPATCHER_CONCURENCY', 'DISPATCHER_CONCURRENCY'],
  ['DISPATCHER_CONCURRANCY', 'DISPATCHER_CONCURRENCY'],
  ['MAX_RETRYS', 'MAX_RETRIES'],
  ['MAX_RETRY', 'MAX_RETRIES'],
  ['MAX_RETRYS_', undefined],
  ['REDIS_URI', 'REDIS_URL'],
  ['LOGLEVEL', 'LOG_LEVEL'],
  ['LOG_LEVL', 'LOG_LEVEL'],
  ['TRUST_PROXIES', 'TRUST_PROXY'],
  ['TRUST_PROXYS', 'TRUST_PROXY'],
  ['SHARD', 'SHARDS'],
  ['DURABILTY', 'DURABILITY'],
  ['DESTINATIONS_ALLOW', 'DESTINATION_ALLOW'],
  ['SHUTDOWN_GRACE_SECOND', 'SHUTDOWN_GRACE_SECONDS'],
  ['QSTASH_URL', undefined],
  ['HOSTNAME', undefined],
  ['POST', undefined],
  ['REDIS_HOST', undefined],
  ['MAX_OLD_SPACE', undefined],
  ['NODE_OPTIONS', undefined],
])('%s is taken for %s', (name, meant) => {
  expect(documented.find((known) => isMisspelling(name, known))).toBe(meant);
});

test('no variable of posthorn is taken for another one', () => {
  const pairs = documented.flatMap((one) => documented.map((other) => [one, other] as const));
  expect(pairs.filter(([one, other]) => isMisspelling(one, other))).toEqual([]);
});

test('only what is set is found, and never a value', () => {
  const variables = { QSTASH_TOKN: 'secret', MAX_RETRYS: ' ', QSTASH_TOKEN: 'right', PATH: '/bin' };
  expect(findMisspelled(documented, variables)).toEqual([{ name: 'QSTASH_TOKN', meant: 'QSTASH_TOKEN' }]);
});
