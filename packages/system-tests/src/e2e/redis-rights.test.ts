import { readFileSync } from 'node:fs';
import { eventually } from '@posthorn/testkit';
import { useSystem } from './system.fixture.ts';

const root = process.env['POSTHORN_ROOT'] ?? process.cwd();
/** The line that docs/operations.md gives for a user of posthorn's own. */
const documented = /^ACL SETUSER posthorn .*$/m.exec(readFileSync(`${root}/docs/operations.md`, 'utf8'))?.[0] ?? '';

const rules = documented.split(' ').slice(3);

const system = useSystem({
  dispatcher: { SHUTDOWN_GRACE_SECONDS: '1', STALLED_AFTER_SECONDS: '3', MESSAGE_GRACE_SECONDS: '1' },
  user: { password: 'password', rules },
});
const setUser = (...more: string[]) =>
  system.redis.client.call('ACL', 'SETUSER', 'posthorn', 'reset', ...rules, ...more);

const post = (path: string, body: unknown = {}, headers = {}) =>
  system.api.call(path, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json', ...headers },
  });

async function ok(response: Promise<Response>): Promise<unknown> {
  const { status, url, text } = await response.then(async (one) => ({
    status: one.status,
    url: one.url,
    text: await one.text(),
  }));
  if (status >= 400) throw new Error(`${url} answered ${status}: ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}

test('with the rights of the documentation everything works, and Redis denies nothing', async () => {
  const to = `${system.receiver.url}/works`;
  system.receiver.reply('/fails', { status: 500 });
  await ok(
    post(`/v2/publish/${to}`, { large: 'x'.repeat(100_000) }, { 'Upstash-Callback': `${system.receiver.url}/told` }),
  );
  await ok(post(`/v2/publish/${to}`, {}, { 'Upstash-Delay': '1s', 'Upstash-Label': 'one' }));
  await ok(post(`/v2/publish/${to}`, {}, { 'Upstash-Deduplication-Id': 'once' }));
  await ok(
    post('/v2/batch', [
      { destination: to, queue: 'first' },
      { destination: to, queue: 'first' },
    ]),
  );
  await ok(post(`/v2/enqueue/first/${to}`));
  const flow = { 'Upstash-Flow-Control-Key': 'key', 'Upstash-Flow-Control-Value': 'parallelism=1,rate=10,period=1s' };
  await ok(post(`/v2/publish/${to}`, {}, flow));
  await ok(post(`/v2/publish/${to}`, {}, flow));
  await ok(post('/v2/queues', { queueName: 'first', parallelism: 2 }));
  await ok(post('/v2/queues/first/pause'));
  await ok(post('/v2/queues/first/resume'));
  await ok(post('/v2/topics/group/endpoints', { endpoints: [{ url: to }] }));
  await ok(post('/v2/publish/group'));
  const { scheduleId } = (await ok(
    post(`/v2/schedules/${to}`, {}, { 'Upstash-Cron': '* * * * *', 'Upstash-Schedule-Id': 'every' }),
  )) as { scheduleId: string };
  await ok(post(`/v2/schedules/${scheduleId}/pause`));
  await ok(post(`/v2/schedules/${scheduleId}/resume`));
  // Due already, so that a dispatcher fires it.
  await system.redis.client.zadd('{schedules}:due', 1, scheduleId);
  const canceled = await system.api.publish(to, { headers: { 'Upstash-Delay': '1h' } });
  await ok(system.api.call(`/v2/messages/${canceled}`));
  await ok(system.api.call(`/v2/messages/${canceled}`, { method: 'DELETE' }));
  const failed = await system.api.publish(`${system.receiver.url}/fails`, {
    headers: { 'Upstash-Retries': '1', 'Upstash-Retry-Delay': '100' },
  });
  await system.api.untilState(failed, 'FAILED');
  const { messages } = (await ok(system.api.call('/v2/dlq'))) as { messages: { dlqId: string }[] };
  await ok(post('/v2/dlq/retry', { dlqIds: messages.map(({ dlqId }) => dlqId) }));
  await eventually(
    async () =>
      (await ((await system.api.call('/v2/dlq')).json() as Promise<{ messages: unknown[] }>)).messages.length > 0,
    20_000,
  );
  await ok(system.api.call('/v2/dlq', { method: 'DELETE' }));
  await ok(system.api.call('/v2/logs?label=one'));
  await ok(system.api.call('/v2/queues'));
  await ok(system.api.call('/v2/flowControl'));
  await ok(system.api.call('/v2/flowControl/key'));
  await ok(system.api.call('/v2/keys'));
  await ok(post('/v2/keys/rotate'));
  await ok(system.api.call('/v2/messages', { method: 'DELETE' }));
  await ok(system.api.call('/v2/topics/group', { method: 'DELETE' }));
  await ok(system.api.call(`/v2/schedules/${scheduleId}`, { method: 'DELETE' }));
  await ok(system.api.call('/v2/queues/first', { method: 'DELETE' }));
  await eventually(() => system.receiver.at('/told').length > 0);
  for (const url of [system.api.url, system.dispatcher.url])
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('posthorn_dlq_messages');
  // Each of them looks about once in a second after what is due or waits, and at the three settings of Redis: twice both.
  await system.redis.client.config('RESETSTAT');
  await eventually(async () => (await countCalls('config(?:\\|get)?', 'calls')) >= 12);
  expect(await countCalls('zrangebyscore', 'calls')).toBeGreaterThan(0);
  const log = (await system.redis.client.call('ACL', 'LOG')) as unknown[][];
  // Names of connections are for people only.
  expect(log.map((entry) => JSON.stringify(entry)).filter((entry) => !entry.includes('client|set'))).toEqual([]);
}, 90_000);

/** How often a command was called, or refused, as Redis counts it. */
async function countCalls(command: string, field: 'calls' | 'rejected_calls'): Promise<number> {
  const stats = await system.redis.client.info('commandstats');
  const line = new RegExp(`^cmdstat_${command}:(.*)$`, 'm').exec(stats)?.[1] ?? '';
  return Number(new RegExp(`(?:^|,)${field}=(\\d+)`).exec(line)?.[1] ?? 0);
}

test('rights that are withdrawn: not ready, few commands, one line at the start and one at the end, nothing lost', async () => {
  const count = async () => Number(/total_error_replies:(\d+)/.exec(await system.redis.client.info('stats'))?.[1]);
  // Workers that know of a message ask for it again and again.
  const delayed = Array.from({ length: 16 }, () => ({
    destination: `${system.receiver.url}/delayed`,
    headers: { 'Upstash-Delay': '2s' },
  }));
  await ok(post('/v2/batch', delayed));
  await setUser('-evalsha', '-eval', '-hget');
  await eventually(async () => (await fetch(`${system.dispatcher.url}/ready`)).status === 503);
  const { error } = (await (await fetch(`${system.dispatcher.url}/ready`)).json()) as { error: string };
  expect(error).toMatch(/a right was withdrawn from the Redis user .* grant it again: ACL SETUSER posthorn/);
  expect((await post(`/v2/publish/${system.receiver.url}/denied`)).status).toBe(503);
  /** Both processes ask again so often, about once in a second each. */
  const untilAsked = async (times: number) => {
    const before = await countCalls('hget', 'rejected_calls');
    await eventually(async () => (await countCalls('hget', 'rejected_calls')) >= before + times);
  };
  // Whatever was on its way when the right was withdrawn is refused once.
  await untilAsked(2);
  const [before, since] = [await count(), Date.now()];
  await untilAsked(6);
  const perSecond = ((await count()) - before) / ((Date.now() - since) / 1000);
  expect(perSecond).toBeLessThan(300);

  await setUser();
  await eventually(async () => (await fetch(`${system.dispatcher.url}/ready`)).status === 200);
  const id = await eventually(() => system.api.publish(`${system.receiver.url}/granted`));
  await eventually(() => system.receiver.at('/granted').some(({ headers }) => headers['upstash-message-id'] === id));
  await eventually(() => system.receiver.at('/delayed').length === 16);
  const lines = (text: string) =>
    system.dispatcher
      .output()
      .split('\n')
      .filter((line) => line.includes(text));
  expect(lines('"denied"').map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
    'trouble.started',
    'trouble.ended',
  ]);
  expect(lines('redis.failed').length).toBeLessThan(20);
}, 90_000);
