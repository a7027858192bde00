import type { DestinationGuard } from '../destinations/destination-guard.ts';
import { checkDefaultHeaders } from './accept.ts';

const guard: DestinationGuard = {
  checkUrl: (text) => (text.includes('private') ? 'it is private' : undefined),
  checkAddress: () => undefined,
};
const limits = {
  defaultRetries: 3,
  maxRetries: 20,
  maxDelayMs: 10_000,
  defaultTimeoutMs: 1000,
  maxTimeoutMs: 1000,
  maxLabels: 20,
  deduplicationWindowMs: 1000,
};
const check = (headers: Record<string, string[]>) => {
  checkDefaultHeaders({ guard, limits }, headers);
};

test.each<[Record<string, string[]>, string]>([
  [{ 'Upstash-Retries': ['21'] }, 'Upstash-Retries: use at most 20'],
  [{ 'Upstash-Delay': ['11s'] }, 'Upstash-Delay: use at most 10 seconds of delay'],
  [
    { 'Upstash-Callback': ['https://a.example'], 'Upstash-Callback-Retries': ['21'] },
    'Upstash-Callback-Retries: use at most 20',
  ],
  [{ 'Upstash-Callback': ['http://private.example'] }, 'invalid callback url: it is private'],
  [{ 'Upstash-Label': Array.from({ length: 21 }, (_, n) => `l${n}`) }, 'Upstash-Label: use at most 20 labels'],
])('default headers %j would fail each publish, and are refused', (headers, error) => {
  expect(() => {
    check(headers);
  }).toThrow(error);
});

test('default headers that a publish may have are accepted', () => {
  check({});
  check({ 'Upstash-Retries': ['20'], 'Upstash-Forward-A': ['1', '2'], 'Upstash-Callback': ['https://a.example'] });
});
