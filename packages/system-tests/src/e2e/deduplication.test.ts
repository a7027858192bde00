import { eventually, startApi } from '@posthorn/testkit';
import { useSystem } from './system.fixture.ts';

const system = useSystem();
const { urlOf } = system;

interface Reply {
  messageId: string;
  deduplicated?: boolean;
}
async function publish(destination: string, headers: Record<string, string>, body = '', api = system.api) {
  const response = await api.call(`/v2/publish/${destination}`, { method: 'POST', headers, body });
  return { status: response.status, reply: (await response.json()) as Reply };
}
const id = (text: string) => ({ 'Upstash-Deduplication-Id': text });

test('a second publish with the id answers 202 and names the first message, which is delivered once', async () => {
  const first = await publish(urlOf('/twice'), id('twice'));
  expect(first.status).toBe(200);
  expect(first.reply).not.toHaveProperty('deduplicated');
  const second = await publish(urlOf('/elsewhere'), id('twice'));
  expect(second).toMatchObject({ status: 202, reply: { messageId: first.reply.messageId, deduplicated: true } });

  await system.api.untilState(first.reply.messageId, 'DELIVERED');
  expect((await publish(urlOf('/twice'), id('twice'))).reply).toMatchObject({ deduplicated: true });
  expect(system.receiver.at('/twice')).toHaveLength(1);
  expect(system.receiver.at('/elsewhere')).toHaveLength(0);
});

test('fifty publishes at once make one message', async () => {
  const api = await startApi(system.redis.url);
  const replies = await Promise.all(
    Array.from({ length: 50 }, (_, n) => publish(urlOf('/crowd'), id('crowd'), `body ${n}`, n % 2 ? api : system.api)),
  );
  await api.end('SIGKILL');
  expect(new Set(replies.map(({ reply }) => reply.messageId)).size).toBe(1);
  expect(replies.filter(({ status }) => status === 200)).toHaveLength(1);
  await system.receiver.first('/crowd');
  const states = await eventually(async () => {
    const list = await system.api.states(replies[0]?.reply.messageId ?? '');
    return list.at(-1) === 'DELIVERED' ? list : undefined;
  });
  expect(states).toEqual(['CREATED', 'ACTIVE', 'DELIVERED']);
  expect(system.receiver.at('/crowd')).toHaveLength(1);
});

test('after the window, which a repetition does not prolong, the id is new', async () => {
  const api = await startApi(system.redis.url, { DEDUP_WINDOW_SECONDS: '1' });
  const startedAt = Date.now();
  const { reply } = await publish(urlOf('/window'), id('window'), '', api);
  await eventually(
    async () => (await publish(urlOf('/window'), id('window'), '', api)).reply.messageId !== reply.messageId,
  );
  expect(Date.now() - startedAt).toBeGreaterThanOrEqual(1000);
  await api.end('SIGKILL');
});

test('a cancel does not end the window', async () => {
  const { reply } = await publish(urlOf('/canceled'), { ...id('canceled'), 'Upstash-Delay': '1h' });
  await system.api.request('DELETE', `/v2/messages/${reply.messageId}`);
  expect((await publish(urlOf('/canceled'), id('canceled'))).reply).toEqual({ ...reply, deduplicated: true });
});

test('equal content is one message; any other body, header, content type or destination is another', async () => {
  const byContent = { 'Upstash-Content-Based-Deduplication': 'True', 'Upstash-Delay': '1h' };
  const base = { ...byContent, 'Content-Type': 'a/b', 'Upstash-Forward-X': '1', 'Upstash-Forward-Y': '2' };
  const { reply } = await publish(urlOf('/content'), base, 'same');
  const same = { 'Upstash-Forward-Y': '2', 'Upstash-Forward-x': '1', 'content-type': 'a/b', ...byContent };
  expect(
    (await publish(urlOf('/content'), { ...same, 'Upstash-Delay': '2h', 'Upstash-Label': 'l' }, 'same')).reply,
  ).toEqual({
    ...reply,
    deduplicated: true,
  });
  const others = [
    await publish(urlOf('/content'), base, 'other'),
    await publish(urlOf('/content?x'), base, 'same'),
    await publish(urlOf('/content'), { ...base, 'Content-Type': 'a/c' }, 'same'),
    await publish(urlOf('/content'), { ...base, 'Upstash-Forward-X': '3' }, 'same'),
    await publish(urlOf('/content'), { ...base, 'Upstash-Forward-Z': '4' }, 'same'),
  ];
  expect(others.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  expect(
    (await publish(urlOf('/content'), { ...base, 'Upstash-Content-Based-Deduplication': 'False' }, 'same')).status,
  ).toBe(200);
});

test('a group decides per endpoint: one that was added in between gets the message', async () => {
  const add = (path: string) =>
    system.api.call('/v2/topics/dedup/endpoints', {
      method: 'POST',
      body: JSON.stringify({ endpoints: [{ url: urlOf(path) }] }),
    });
  await add('/d1');
  await add('/d2');
  const send = async () => {
    const response = await system.api.call('/v2/publish/dedup', {
      method: 'POST',
      headers: { ...id('group'), 'Upstash-Delay': '1h' },
      body: 'x'.repeat(50_000),
    });
    return { status: response.status, reply: (await response.json()) as Reply[] };
  };
  const first = await send();
  const second = await send();
  expect(second).toEqual({ status: 202, reply: first.reply.map((item) => ({ ...item, deduplicated: true })) });
  await add('/d3');
  const third = await send();
  expect(third.status).toBe(200);
  expect(third.reply.map(({ deduplicated }) => deduplicated)).toEqual([true, true, undefined]);
  const message = (await system.api.message(third.reply[2]?.messageId ?? '')) as {
    body: string;
  };
  expect(message.body).toHaveLength(50_000);
});

test('equal items in one batch make one message, the first', async () => {
  const items = ['a', 'b'].map((body) => ({ destination: urlOf('/in-batch'), headers: id('in-batch'), body }));
  const reply = (await (
    await system.api.call('/v2/batch', { method: 'POST', body: JSON.stringify(items) })
  ).json()) as Reply[];
  expect(reply[1]).toEqual({ ...reply[0], deduplicated: true });
  expect((await system.receiver.first('/in-batch')).body.toString()).toBe('a');
  // Its log comes a moment after its delivery; the next test counts logs.
  await system.api.untilState(reply[0]?.messageId ?? '', 'DELIVERED');
});

test('the log knows nothing of a message that was not created', async () => {
  await publish(urlOf('/phantom'), { ...id('phantom'), 'Upstash-Delay': '1h' });
  const logs = (await system.redis.client.keys('*:history:*')).length;
  await publish(urlOf('/phantom'), { ...id('phantom'), 'Upstash-Delay': '1h' });
  await eventually(async () => (await system.redis.client.keys('*:history:*')).length === logs);
});

// Killed at any moment: what a 202 names can be read, or its log tells how it ended.
test('an API that is killed between any two steps leaves no id that names nothing', async () => {
  for (let round = 0; round < 12; round++) {
    const api = await startApi(system.redis.url);
    const dedupId = `killed-${round}`;
    const body = round % 2 ? 'x'.repeat(30_000) : 'x';
    const headers = { ...id(dedupId), 'Upstash-Delay': '1h' };
    const pending = publish(urlOf('/killed'), headers, body, api).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 8));
    await api.end('SIGKILL');
    await pending;
    const { reply } = await publish(urlOf('/killed'), headers, body);
    const message = (await system.api.message(reply.messageId)) as { body: string };
    expect(message.body).toBe(body);
    // A body that was not confirmed would be removed after some time.
    const bodies = await system.redis.client.keys(`*:body:${reply.messageId}`);
    for (const key of bodies) expect(await system.redis.client.pttl(key)).toBe(-1);
  }
}, 120_000);

test('an id with a colon is refused with the text that clients know', async () => {
  const { status, reply } = await publish(urlOf('/x'), id('a:b'));
  expect(status).toBe(400);
  expect(reply).toEqual({ error: "DeduplicationId cannot contain ':'" });
});

test.each([
  ['a b', 'blank'],
  ['x'.repeat(257), '256'],
])('the id %s is refused with the name of its header', async (text, reason) => {
  const { status, reply } = await publish(urlOf('/x'), id(text));
  expect(status).toBe(400);
  expect((reply as unknown as { error: string }).error).toContain('Upstash-Deduplication-Id');
  expect((reply as unknown as { error: string }).error).toContain(reason);
});
