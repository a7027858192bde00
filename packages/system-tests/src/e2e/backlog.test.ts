import { eventually, startApi, startDispatcher, startReceiver, startRedis } from '@posthorn/testkit';

const backlog = 20_000;
const perBatch = 1000;

test('with 20,000 messages waiting, one and then all are canceled, and none is delivered', async () => {
  const [redis, receiver] = await Promise.all([startRedis({ durability: 'everysec' }), startReceiver()]);
  const api = await startApi(redis.url);
  const cancel = async (path: string) => {
    const startedAt = performance.now();
    const reply = (await (await api.call(path, { method: 'DELETE' })).json()) as { cancelled: number };
    console.log(`DELETE ${path}: ${reply.cancelled} in ${Math.round(performance.now() - startedAt)} ms`);
    return reply.cancelled;
  };
  const item = { destination: `${receiver.url}/backlog`, body: 'x'.repeat(200), headers: { 'Upstash-Label': 'old' } };
  const batch = JSON.stringify(Array.from({ length: perBatch }, () => item));
  const ids: string[] = [];
  for (let sent = 0; sent < backlog; sent += perBatch) {
    const reply = await api.call('/v2/batch', { method: 'POST', body: batch });
    ids.push(((await reply.json()) as { messageId: string }[])[0]?.messageId ?? '');
  }
  const young = await api.publish(`${receiver.url}/backlog`, { headers: { 'Upstash-Label': 'young' } });

  expect(await cancel(`/v2/messages/${ids[10] ?? ''}`)).toBe(1);
  expect(await cancel('/v2/messages?label=young')).toBe(1);
  expect((await api.call(`/v2/messages/${young}`)).status).toBe(404);
  expect(await cancel('/v2/messages?count=500')).toBe(500);
  expect(await cancel('/v2/messages')).toBe(backlog - 501);

  // A message that is published now has to pass all of them.
  const dispatcher = await startDispatcher(redis.url);
  await api.publish(`${receiver.url}/after`);
  await eventually(() => receiver.at('/after')[0], 60_000);
  expect(receiver.at('/backlog')).toEqual([]);
  await Promise.all([api.end('SIGKILL'), dispatcher.end('SIGKILL'), receiver.stop()]);
  await redis.stop();
}, 180_000);
