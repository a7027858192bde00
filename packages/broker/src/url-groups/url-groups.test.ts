import type { UrlGroup } from '@posthorn/shared';
import type { DestinationGuard } from '../destinations/destination-guard.ts';
import type { RedisConnection } from '../engine/redis/connect.ts';
import { createUrlGroups } from './url-groups.ts';

const guard: DestinationGuard = { checkUrl: () => undefined, checkAddress: () => undefined };
const limits = { maxGroups: 1, maxEndpoints: 10_000 };
/** As of publishes that allow no retries. */
const checkDefaults = (headers: object) => {
  if ('Upstash-Retries' in headers) throw new Error('no retries');
};

/** One group without Redis, and what it holds. */
function createGroup(endpoints: UrlGroup['endpoints']) {
  let text = JSON.stringify({ name: 'g', createdAt: 0, updatedAt: 0, endpoints } satisfies UrlGroup);
  const redis = {
    hget: async () => text,
    replaceField: async (_key: string, _field: string, _before: string, value: string) => ((text = value), 1),
  } as unknown as RedisConnection;
  return {
    groups: createUrlGroups({ redis, guard, checkDefaults }, limits),
    read: () => (text === '' ? [] : (JSON.parse(text) as UrlGroup).endpoints),
  };
}

const url = (n: number) => `https://e${n}.example/`;
const many = (count: number) => Array.from({ length: count }, (_, n) => n);

test('each of many references is looked at once, however many endpoints the group has', async () => {
  const { groups, read } = createGroup(many(100).map((n) => ({ url: url(n) })));
  let looks = 0;
  const references = many(5000).map((n) => ({
    get url() {
      looks += 1;
      return url(n + 1);
    },
  }));
  await groups.removeEndpoints('g', references);
  expect(read()).toEqual([{ url: url(0) }]);
  expect(looks).toBe(5000);
});

test('an endpoint is removed by its name, by its URL, or by its URL without the password', async () => {
  const { groups, read } = createGroup([
    { url: url(1), name: 'a' },
    { url: url(2), name: 'b' },
    { url: 'https://user:secret@e3.example/' },
    { url: url(4) },
  ]);
  await groups.removeEndpoints('g', [
    // The name takes precedence over the URL.
    { name: 'a', url: url(2) },
    { url: 'https://user:***@e3.example/' },
    { url: url(5) },
    { name: '', url: url(4) },
  ]);
  expect(read()).toEqual([{ url: url(2), name: 'b' }]);
});

test('of endpoints that are added, no two have the same URL or the same name, and a URL keeps its first position', async () => {
  const { groups, read } = createGroup([{ url: url(1), name: 'a' }, { url: url(2), name: 'b' }, { url: url(3) }]);
  const add = (...added: UrlGroup['endpoints']) => groups.addEndpoints('g', added);
  await add({ url: url(3), name: 'b' }, { url: url(4) });
  expect(read()).toEqual([{ url: url(1), name: 'a' }, { url: url(3), name: 'b' }, { url: url(4) }]);
  // Both names are free again after their endpoints have got others.
  await add({ url: url(1), name: 'c' }, { url: url(5), name: 'a' }, { url: url(3) }, { url: url(4), name: '' });
  expect(read()).toEqual([
    { url: url(1), name: 'c' },
    { url: url(3), name: 'b' },
    { url: url(4) },
    { url: url(5), name: 'a' },
  ]);
});

test('default headers with which each publish would fail do not replace those that are there', async () => {
  const { groups } = createGroup([{ url: url(1) }]);
  await groups.setHeaders('g', { 'Upstash-Method': ['PUT'] });
  await expect(groups.setHeaders('g', { 'Upstash-Retries': ['1'] })).rejects.toThrow('no retries');
  expect((await groups.get('g'))?.headers).toEqual({ 'Upstash-Method': ['PUT'] });
});
