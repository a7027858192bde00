import { CancelQuery, type Message } from '@posthorn/shared';
import { createDigestTest, digestBytes, writeDigest } from '../engine/log/digest.ts';
import { matches } from './filter.ts';

const messageTo = (url: string) => ({ url, method: 'POST', header: {}, createdAt: 1 }) as unknown as Message;

/** Whether a filter, as it comes in a query, finds a message: by the message, and by what the lists keep of it. */
function finds(query: Record<string, string>, url: string): boolean[] {
  const filter = CancelQuery.parse(query);
  const digest = Buffer.alloc(digestBytes);
  writeDigest(messageTo(url), digest, 0);
  return [matches(filter, messageTo(url)), createDigestTest(filter)?.(digest, 0) ?? true];
}

test.each([
  ['http://h/größe', 'path', '/größe'],
  ['http://h/gr%C3%B6%C3%9Fe', 'path', '/größe'],
  ['http://h/a/{id}', 'path', '/a/{id}'],
  ['http://h/a/{id}', 'path', '/a/%7Bid%7D'],
  ['https://h/x/../y', 'path', '/y'],
  ['https://h/x/../y', 'path', '/x/../y'],
  ['https://h', 'path', '/'],
  ['https://h?x=/y', 'path', '/'],
  ['http://xn--mnchen-3ya.example/x', 'host', 'münchen.example'],
  ['http://h:80/x', 'host', 'h:80'],
  ['http://h/x', 'host', 'h:80'],
  ['https://h/x', 'host', 'h:443'],
  ['http://h:8080/x', 'host', 'H:8080'],
  ['http://h:8080/x', 'host', 'h'],
  ['http://[::1]:8080/x', 'host', '[::1]:8080'],
])('a message to %s is found by %s=%s', (url, name, value) => {
  expect(finds({ [name]: value }, url)).toEqual([true, true]);
});

test.each([
  ['https://h/x', 'host', 'h:80'],
  ['http://h:8080/x', 'host', 'h:80'],
  ['https://h/x/../y', 'path', '/x'],
])('a message to %s is not found by %s=%s', (url, name, value) => {
  expect(finds({ [name]: value }, url)[0]).toBe(false);
});

test('the values of a filter are read once, however many messages it is compared with', () => {
  const values = Array.from({ length: 100 }, (_, n) => `l${n}`);
  let reads = 0;
  const label = new Proxy(values, {
    get(target, key) {
      if (typeof key === 'string' && /^\d+$/.test(key)) reads += 1;
      return Reflect.get(target, key) as unknown;
    },
  });
  const labeled = (labels: string[]) => ({ ...messageTo('https://h/x'), labels });
  const found = ['l99', 'l0', 'other', 'l50'].map((text) => matches({ label }, labeled(['x', text])));
  expect(found).toEqual([true, true, false, true]);
  expect(reads).toBe(values.length);
});
