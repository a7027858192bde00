import type { UrlGroup } from '@posthorn/shared';
import type { PublishRequest } from './accept.ts';
import { withDefaults } from './publish.ts';

const list = (count: number, name: string) =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`Upstash-Forward-${name}-${n}`, ['value']]));
const group = (headers: Record<string, string[]>): UrlGroup => ({
  name: 'g',
  createdAt: 1,
  updatedAt: 1,
  endpoints: [{ url: 'https://a.example' }],
  headers,
});
const request = (headers: Record<string, string[]>): PublishRequest => ({
  destination: { kind: 'urlGroup', name: 'g' },
  headers: Object.entries(headers).flatMap(([name, values]) => values.flatMap((value) => [name, value])),
  tokenInQuery: false,
  body: Buffer.alloc(0),
  callerIp: '::1',
});

test('default headers of a group are added where a request says nothing', () => {
  const { headers } = withDefaults(request({ a: ['1'] }), group({ A: ['2'], B: ['3', '4'] }));
  expect(headers).toEqual(['a', '1', 'B', '3', 'B', '4']);
});

test.each<[string, Record<string, string[]>, Record<string, string[]>]>([
  ['number', list(150, 'request'), list(51, 'default')],
  ['size', { a: ['x'.repeat(20_000)] }, { b: ['x'.repeat(20_000)] }],
])('a request and its group together have at most the headers of a request: %s', (_, own, defaults) => {
  expect(withDefaults(request(own), group({ Other: ['x'] })).headers.length).toBeGreaterThan(0);
  expect(() => withDefaults(request(own), group(defaults))).toThrow(/^Use at most .* topic g\.$/);
});
