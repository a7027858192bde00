import { eventually } from '@posthorn/testkit';
import { useSystem } from './system.fixture.ts';

const system = useSystem();
const { publish } = system;

const logOf = async (messageId: string) => (await system.api.events(messageId)).reverse();
/** The wait that the first RETRY entry announces. */
const firstWait = async (messageId: string) => {
  const entry = await eventually(async () => (await logOf(messageId)).find(({ state }) => state === 'RETRY'));
  return Number(entry.nextDeliveryTime) - entry.time;
};

test('each retry keeps the id and counts up; the message arrives when its destination is back', async () => {
  system.receiver.reply('/back', 500, 503, 200);
  const messageId = await publish('/back', { 'Upstash-Retry-Delay': '50' });
  const attempts = await eventually(() => {
    const received = system.receiver.at('/back');
    return received.length === 3 ? received : undefined;
  });
  expect(attempts.map(({ headers }) => headers['upstash-retried'])).toEqual(['0', '1', '2']);
  expect(new Set(attempts.map(({ headers }) => headers['upstash-message-id']))).toEqual(new Set([messageId]));
  await system.api.untilState(messageId, 'DELIVERED');
  expect(await system.api.states(messageId)).toEqual([
    'CREATED',
    'ACTIVE',
    'ERROR',
    'RETRY',
    'ACTIVE',
    'ERROR',
    'RETRY',
    'ACTIVE',
    'DELIVERED',
  ]);
});

test.each([
  ['0', 1],
  ['2', 3],
])('%s retries make %i attempts', async (retries, attempts) => {
  system.receiver.reply(`/count/${retries}`, 500);
  const messageId = await publish(`/count/${retries}`, { 'Upstash-Retries': retries, 'Upstash-Retry-Delay': '1' });
  await system.api.untilState(messageId, 'FAILED');
  expect(system.receiver.at(`/count/${retries}`)).toHaveLength(attempts);
});

test('the default wait before the first retry is e to the 2.5 seconds', async () => {
  system.receiver.reply('/default', 500);
  expect(await firstWait(await publish('/default', {}))).toBe(12_182);
});

test('an expression waits as it says, with the number of retries made so far', async () => {
  system.receiver.reply('/expression', 500);
  const messageId = await publish('/expression', {
    'Upstash-Retry-Delay': '100 * (1 + retried)',
    'Upstash-Retries': '2',
  });
  await system.api.untilState(messageId, 'FAILED');
  const entries = (await logOf(messageId)).filter(({ state }) => state === 'RETRY' || state === 'ACTIVE');
  const waits = entries
    .filter(({ state }) => state === 'RETRY')
    .map(({ time, nextDeliveryTime = 0 }) => nextDeliveryTime - time);
  expect(waits).toEqual([100, 200]);
  const [, retry, second] = entries;
  const lateMs = Number(second?.time) - Number(retry?.nextDeliveryTime);
  expect(lateMs).toBeGreaterThanOrEqual(-5);
  expect(lateMs).toBeLessThan(5000);
});

test.each([
  ['Retry-After', '7', 7000],
  ['Retry-After', '1m1s', 61_000],
  ['X-RateLimit-Reset', '3', 3000],
  ['X-RateLimit-Reset-Requests', '3s', 3000],
  ['X-RateLimit-Reset-Tokens', '1.5s', 1500],
  ['Retry-After', '90000', 12_182],
  ['Retry-After', '1e20', 12_182],
])('a failing response with %s: %s waits %i ms', async (name, value, wait) => {
  const path = `/after/${name}/${value}`;
  system.receiver.reply(path, { status: 503, headers: { [name]: value } });
  expect(await firstWait(await publish(path, {}))).toBe(wait);
});

test('Retry-After with a date waits until then, and 0 retries at once', async () => {
  system.receiver.reply('/date', {
    status: 503,
    headers: { 'Retry-After': new Date(Date.now() + 30_000).toUTCString() },
  });
  const wait = await firstWait(await publish('/date', {}));
  expect(wait).toBeGreaterThan(27_000);
  expect(wait).toBeLessThanOrEqual(30_000);

  system.receiver.reply('/zero', { status: 503, headers: { 'Retry-After': '0' } }, 200);
  await publish('/zero', {});
  await eventually(() => system.receiver.at('/zero').length === 2);
});

test('status 489 with the header ends at once; without it the message is retried', async () => {
  system.receiver.reply('/final', { status: 489, headers: { 'Upstash-NonRetryable-Error': 'true' } });
  const final = await publish('/final', {});
  await system.api.untilState(final, 'FAILED');
  expect(await system.api.states(final)).toEqual(['CREATED', 'ACTIVE', 'ERROR', 'FAILED']);
  system.receiver.reply('/not-final', 489);
  expect(await firstWait(await publish('/not-final', {}))).toBe(12_182);
});
