import { eventually, readError, startDispatcher } from '@posthorn/testkit';
import { useApi } from './system.fixture.ts';

const stage = useApi('test');

const publish = (path: string, body: string, headers: Record<string, string> = {}) =>
  stage.api.call(`/v2/publish/${stage.receiver.url}${path}`, { method: 'POST', body, headers });
const usedBytes = async () => Number(/used_memory:(\d+)/.exec(await stage.redis.client.info('memory'))?.[1]);

test.each([
  ['in their messages', 12_000],
  ['beside their messages', 30_000],
])(
  'bodies that lie %s: from the watermark on publishes are refused, what is stored is delivered, and then publishing works again',
  async (_, size) => {
    await stage.redis.client.config('SET', 'maxmemory', String((await usedBytes()) + 12_000_000));
    const accepted: string[] = [];
    const body = 'x'.repeat(size);
    const fill = async () => {
      const answers = await Promise.all(Array.from({ length: 10 }, () => publish('/drain', body)));
      for (const answer of answers) {
        if (answer.ok) accepted.push(((await answer.json()) as { messageId: string }).messageId);
        else if (answer.status !== 503) throw new Error(`publish answered ${answer.status}`);
      }
      const texts = await Promise.all(answers.filter(({ ok }) => !ok).map((answer) => answer.text()));
      return texts.find((text) => text.includes('maxmemory'));
    };
    const refusal = await eventually(fill);
    expect(refusal).toMatch(/^\{"error":"Redis is full: \d+ % of its maxmemory are used, .* raise maxmemory\."\}$/);
    const ready = await eventually(async () => {
      const answer = await stage.api.call('/ready');
      if (answer.status === 503) return answer;
      // What the refused requests held was given back: there is room for more.
      await fill();
      return undefined;
    });
    expect(await readError(ready)).toMatch(/^Redis is full/);
    expect((await stage.api.call('/v2/queues')).status).toBe(200);
    expect(stage.api.lines('"trouble.started"')).not.toEqual([]);

    const dispatcher = await startDispatcher(stage.redis.url);
    await eventually(() => accepted.length > 100 && stage.receiver.at('/drain').length >= accepted.length);
    const arrived = stage.receiver.at('/drain').map(({ headers }) => String(headers['upstash-message-id']));
    expect(new Set(arrived)).toEqual(new Set(accepted));
    await eventually(async () => (await publish('/after', body)).ok);
    expect(stage.api.lines('"trouble.ended"')).toHaveLength(stage.api.lines('"trouble.started"').length);
    expect(dispatcher.lines('"redis.failed"')).toEqual([]);
    await dispatcher.end('SIGKILL');
  },
  60_000,
);

test('a Redis that has no memory at all left is drained: callbacks, failures and retries included', async () => {
  stage.receiver.reply('/fails', 500);
  stage.receiver.reply('/again', 500, 200);
  const callback = { 'Upstash-Callback': `${stage.receiver.url}/callback` };
  for (let n = 0; n < 20; n++) expect((await publish('/delivered', 'x', callback)).ok).toBe(true);
  await publish('/fails', 'x', { 'Upstash-Retries': '0', 'Upstash-Failure-Callback': `${stage.receiver.url}/failure` });
  await publish('/again', 'x', { 'Upstash-Retry-Delay': '100' });
  await publish('/later', 'x', { 'Upstash-Delay': '2s' });
  await stage.redis.client.config('SET', 'maxmemory', '1');

  const dispatcher = await startDispatcher(stage.redis.url);
  await eventually(
    () =>
      stage.receiver.at('/callback').length === 20 &&
      stage.receiver.at('/failure').length === 1 &&
      stage.receiver.at('/again').length === 2 &&
      stage.receiver.at('/later').length === 1,
    20_000,
  );
  // Nothing was left half done, so nothing comes again.
  await eventually(async () =>
    (await fetch(`${dispatcher.url}/metrics`)).text().then((text) => /^posthorn_messages_in_flight 0$/m.test(text)),
  );
  expect(stage.receiver.at('/delivered')).toHaveLength(20);
  expect(stage.receiver.at('/fails')).toHaveLength(1);
  expect((await fetch(`${dispatcher.url}/ready`)).status).toBe(200);
  expect(await dispatcher.end('SIGTERM')).toBe(0);

  await stage.redis.client.config('SET', 'maxmemory', '0');
  const messages = await stage.api.deadLetters();
  expect(messages).toHaveLength(1);
  await eventually(async () => (await publish('/after', 'x')).ok);
}, 60_000);

interface Entry {
  dlqId: string;
  error?: string;
  responseStatus: number;
  responseBody?: string;
  responseBodyTruncated?: true;
}
const listDlq = async () => (await stage.api.read<{ messages: Entry[] }>('/v2/dlq?maxBytes=16777216')).messages;
const noRetry = { 'Upstash-Retries': '0' };

test('what destinations answer does not fill Redis', async () => {
  await stage.redis.client.config('SET', 'maxmemory', String((await usedBytes()) + 20_000_000));
  stage.receiver.reply('/large', { status: 500, body: 'x'.repeat(5_000_000) });
  const dispatcher = await startDispatcher(stage.redis.url);
  for (let n = 0; n < 30; n++) expect((await publish('/large', 'x', noRetry)).ok).toBe(true);
  const entries = await eventually(async () => {
    const found = await listDlq();
    return found.length === 30 ? found : undefined;
  }, 60_000);
  for (const { responseStatus, responseBody, responseBodyTruncated, error } of entries) {
    expect({ responseStatus, responseBodyTruncated, error }).toEqual({
      responseStatus: 500,
      responseBodyTruncated: true,
      error: 'the destination answered 500',
    });
    expect(responseBody).toHaveLength(64 * 1024);
  }
  expect((await publish('/after', 'x')).ok).toBe(true);
  expect(stage.api.lines('"trouble.started"')).toEqual([]);
  await dispatcher.end('SIGKILL');
}, 120_000);

test('a Redis that is full of dead letters heals: they are retried, deleted, or go after their retention', async () => {
  await stage.redis.client.config('SET', 'maxmemory', String((await usedBytes()) + 12_000_000));
  stage.receiver.reply('/down', 500);
  const fill = (size: number) =>
    eventually(async () => {
      const answers = await Promise.all(Array.from({ length: 10 }, () => publish('/down', 'x'.repeat(size), noRetry)));
      return answers.some(({ status }) => status === 503);
    }, 60_000);
  let dispatcher = await startDispatcher(stage.redis.url);
  const isIdle = async () => !/^posthorn_messages_(waiting|in_flight) [^0]/m.test(await dispatcher.metrics());

  // What an attempt held is freed at its end, which may make room again.
  await eventually(async () => {
    await fill(300_000);
    await eventually(isIdle);
    return (await publish('/down', 'x', noRetry)).status === 503;
  }, 60_000);
  stage.receiver.reply('/down', 200);
  expect((await stage.api.call('/v2/dlq/retry?count=1', { method: 'POST' })).status).toBe(201);
  await stage.redis.client.config('SET', 'maxmemory', '1');
  expect(await (await stage.api.call('/v2/dlq?count=100', { method: 'DELETE' })).json()).not.toEqual({ deleted: 0 });
  await stage.redis.client.config('SET', 'maxmemory', String((await usedBytes()) + 5_000_000));
  await eventually(async () => (await publish('/after', 'x')).ok);

  stage.receiver.reply('/down', 500);
  await fill(12_000);
  await eventually(isIdle);
  await dispatcher.end('SIGKILL');
  dispatcher = await startDispatcher(stage.redis.url, { DLQ_RETENTION_SECONDS: '1' });
  await eventually(async () => (await publish('/after', 'x')).ok, 60_000);
  await dispatcher.end('SIGKILL');
}, 240_000);

test('a Redis that cannot write for a while: a repeated error is one line a second, and no message is delivered twice', async () => {
  const dispatcher = await startDispatcher(stage.redis.url);
  stage.receiver.reply('/held', { status: 200, afterMs: 700 });
  for (let n = 0; n < 20; n++) await publish('/held', 'x');
  await eventually(() => stage.receiver.at('/held').length === 20);
  // As with a disk that has failed, every write is refused: there are not enough replicas.
  await stage.redis.client.config('SET', 'min-replicas-to-write', '1');
  expect((await publish('/refused', 'x')).status).toBe(503);
  // So many that the end of each attempt, and its log, have been refused several times.
  await eventually(async () => {
    const refused = /^errorstat_NOREPLICAS:count=(\d+)/m.exec(await stage.redis.client.info('errorstats'))?.[1];
    return Number(refused) > 200;
  });
  await stage.redis.client.config('SET', 'min-replicas-to-write', '0');
  await eventually(async () => (await publish('/after', 'x')).ok);
  await eventually(() => stage.receiver.at('/after').length === 1);
  expect(stage.receiver.at('/held')).toHaveLength(20);
  expect(dispatcher.lines('"redis.failed"').length).toBeLessThan(10);
  await dispatcher.end('SIGKILL');
}, 60_000);
