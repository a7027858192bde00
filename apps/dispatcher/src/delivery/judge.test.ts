import type { Delivery } from '@posthorn/broker';
import type { DestinationResponse } from '@posthorn/shared';
import { judge } from './judge.ts';

const rules = { maxRetryDelayMs: 86_400_000, backoffFactor: 2.5 };
const delivery = (retried: number, maxRetries: number, retryDelayExpression?: string) =>
  ({ id: 'msg_1', retried, message: { maxRetries, retryDelayExpression } }) as unknown as Delivery;
const answer = (status: number, header: DestinationResponse['header'] = {}): DestinationResponse => ({
  status,
  header,
  body: new Uint8Array(),
});

test.each([200, 204, 299])('status %i is delivered', (status) => {
  expect(judge(delivery(0, 0), answer(status), rules, 0).kind).toBe('delivered');
});

test.each([0, 199, 301, 404, 500])('status %i is retried while retries are left, then it has failed', (status) => {
  expect(judge(delivery(1, 2), answer(status), rules, 0).kind).toBe('retry');
  expect(judge(delivery(2, 2), answer(status), rules, 0).kind).toBe('failed');
});

test.each([
  [{ 'Retry-After': ['2'] }, '100', 2000],
  [{}, '100 * (1 + retried)', 200],
  [{ 'Retry-After': ['90000'] }, undefined, 148_413],
])('header, expression and default backoff in this order: %j %s', (header, expression, delayMs) => {
  expect(judge(delivery(1, 5, expression), answer(503, header), rules, 0)).toMatchObject({ kind: 'retry', delayMs });
});

test('489 needs its header to be final', () => {
  expect(judge(delivery(0, 5), answer(489, { 'Upstash-Nonretryable-Error': ['True'] }), rules, 0).kind).toBe('failed');
  expect(judge(delivery(0, 5), answer(489), rules, 0).kind).toBe('retry');
  expect(judge(delivery(0, 5), answer(500, { 'Upstash-Nonretryable-Error': ['true'] }), rules, 0).kind).toBe('retry');
});

test('an error text that a destination makes long is kept short', () => {
  const outcome = judge(delivery(0, 1), { ...answer(0), error: 'x'.repeat(60_000) }, rules, 0);
  expect(outcome).toMatchObject({ kind: 'retry', error: 'x'.repeat(500) });
});

test.each([200, 204, 500])('status %i of a response that is not whole is a failure of its own kind', (status) => {
  const broken: DestinationResponse = { ...answer(status), error: 'the connection closed', errorKind: 'protocol' };
  expect(judge(delivery(0, 1), broken, rules, 0)).toMatchObject({
    kind: 'retry',
    error: 'the connection closed',
    errorKind: 'protocol',
  });
});

test('a response without success is a failure of the kind http', () => {
  expect(judge(delivery(0, 0), answer(404), rules, 0)).toMatchObject({ kind: 'failed', errorKind: 'http' });
});
