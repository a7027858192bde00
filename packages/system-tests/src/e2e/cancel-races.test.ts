import { eventually, startDispatcher, type TestProcess } from '@posthorn/testkit';
import { createRandom } from '../random.ts';
import { useSystem } from './system.fixture.ts';

const grace = { MESSAGE_GRACE_SECONDS: '0' };
const system = useSystem({ api: grace, dispatcher: grace });
const { urlOf } = system;
let second: TestProcess;
beforeAll(async () => (second = await startDispatcher(system.redis.url, grace)));
afterAll(() => second.end('SIGKILL'));

const seed = Date.now() % 1_000_000;
const random = createRandom(seed);
const soon = (maxMs: number) => new Promise((resolve) => setTimeout(resolve, random.between(0, maxMs)));
const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

interface DeadLetter {
  messageId: string;
  dlqId: string;
}
const listDead = async () => {
  const dead: DeadLetter[] = [];
  for (let cursor: string | undefined = ''; cursor !== undefined;) {
    const { body } = await system.api.request('GET', `/v2/dlq?count=100${cursor && `&cursor=${cursor}`}`);
    dead.push(...(body['messages'] as DeadLetter[]));
    cursor = body['cursor'] as string | undefined;
  }
  return dead;
};

/** Resolves when no message is left that has not ended. */
const drain = () =>
  eventually(async () => {
    const text = await system.api.metrics();
    const left = [...text.matchAll(/^posthorn_messages_(?:waiting|delayed|in_flight)(?:\{.*\})? (\d+)/gm)];
    return left.length >= 3 && left.every(([, count]) => Number(count) === 0);
  }, 60_000);

/** What its destination does: how long an attempt takes, and how many of them fail. */
const fates = [
  { path: '/good', fails: 0, ms: 60 },
  { path: '/better', fails: 1, ms: 40 },
  { path: '/bad', fails: 9, ms: 40 },
];

test(`canceled at any time and more than once, each message ends in exactly one state (seed ${seed})`, async () => {
  const succeeded = new Set<string>();
  const told = new Set<string>();
  for (const { path, fails, ms } of fates) {
    system.receiver.reply(path, (response, { headers }) => {
      const isBad = Number(headers['upstash-retried']) < fails;
      setTimeout(
        () => {
          if (!isBad) succeeded.add(String(headers['upstash-message-id']));
          response.writeHead(isBad ? 500 : 200).end();
        },
        random.between(0, ms),
      );
    });
  }
  system.receiver.reply('/failure', (response, { body }) => {
    told.add((JSON.parse(String(body)) as { sourceMessageId: string }).sourceMessageId);
    response.end();
  });

  const canceled = new Map<string, number>();
  const cancel = async (id: string) => {
    await soon(400);
    const path = random.chance(0.5) ? `/v2/messages/${id}` : `/v2/messages?messageIds=${id}`;
    const { status, body } = await system.api.request('DELETE', path);
    expect([200, 404]).toContain(status);
    canceled.set(id, (canceled.get(id) ?? 0) + Number(body['cancelled'] ?? 0));
  };
  const ids = await Promise.all(
    numbers(400).map(async () => {
      await soon(3000);
      const headers = {
        'Upstash-Retries': '1',
        'Upstash-Retry-Delay': String(random.between(1, 60)),
        'Upstash-Failure-Callback': urlOf('/failure'),
        ...(random.chance(0.2) ? { 'Upstash-Delay': '1s' } : {}),
        ...(random.chance(0.2) ? { 'Upstash-Queue-Name': 'races' } : {}),
      };
      const body = 'x'.repeat(random.chance(0.1) ? 30_000 : 10);
      const id = await system.api.publish(urlOf(random.pick(fates).path), { headers, body });
      // Some are left alone, so that every end is reached on a slow machine, too.
      if (random.chance(0.8)) await Promise.all([cancel(id), cancel(id)]);
      return id;
    }),
  );
  await drain();

  const dead = new Set((await listDead()).map(({ messageId }) => messageId));
  const ends: Record<string, number> = { DELIVERED: 0, CANCELED: 0, FAILED: 0 };
  for (const id of ids) {
    const states = await system.api.states(id);
    const last = states.at(-1) ?? '';
    ends[last] = (ends[last] ?? 0) + 1;
    expect({
      id,
      states,
      ended: states.filter((state) => state in ends && state !== last).concat(last),
      requested: states.filter((state) => state === 'CANCEL_REQUESTED').length,
      hasSucceeded: succeeded.has(id),
      isDead: dead.has(id),
      isTold: told.has(id),
    }).toEqual({
      id,
      states,
      ended: [expect.stringMatching(/^(DELIVERED|CANCELED|FAILED)$/)],
      requested: canceled.get(id) ?? 0,
      hasSucceeded: last === 'DELIVERED',
      isDead: last === 'FAILED',
      isTold: last === 'FAILED',
    });
    expect((await system.api.request('GET', `/v2/messages/${id}`)).status).toBe(404);
  }
  expect(Math.min(...Object.values(ends))).toBeGreaterThan(0);
  // A slot that was granted to a message which was just canceled is found by the sweep.
  await eventually(async () => (await system.api.read('/v2/queues/races'))['lag'] === 0);
  await system.api.request('DELETE', '/v2/dlq');
}, 120_000);

test(`dead letters removed while they are retried are delivered once or not at all (seed ${seed})`, async () => {
  system.receiver.reply('/letter', 500);
  const headers = { 'Upstash-Retries': '0' };
  await Promise.all(numbers(150).map(() => system.api.publish(urlOf('/letter'), { headers })));
  const dead = await eventually(async () => {
    const all = await listDead();
    return all.length === 150 && all;
  });
  system.receiver.reply('/letter', 200);
  const before = system.receiver.at('/letter').length;

  const race = async ({ dlqId }: DeadLetter) => {
    const retry = async () => {
      await soon(30);
      const { status, body } = await system.api.request('POST', `/v2/dlq/retry/${dlqId}`);
      expect([201, 404]).toContain(status);
      return body['messageId'] as string | undefined;
    };
    const remove = async () => {
      await soon(30);
      expect([200, 404]).toContain((await system.api.request('DELETE', `/v2/dlq/${dlqId}`)).status);
      return undefined;
    };
    const made = await Promise.all([retry(), remove(), retry()]);
    return [...new Set(made.filter((id) => id !== undefined))];
  };
  // All of them at once could make Redis answer too late on a busy machine.
  const outcomes: string[][] = [];
  for (let begun = 0; begun < dead.length; begun += 25) {
    outcomes.push(...(await Promise.all(dead.slice(begun, begun + 25).map(race))));
  }
  await drain();
  const received = system.receiver
    .at('/letter')
    .slice(before)
    .map(({ headers }) => String(headers['upstash-message-id']));
  const published = outcomes.flat();
  expect(outcomes.every((ids) => ids.length <= 1)).toBe(true);
  expect(published.length).toBeGreaterThan(0);
  expect(published.length).toBeLessThan(150);
  expect(received.sort()).toEqual(published.sort());
  expect(await listDead()).toEqual([]);
}, 90_000);
