import type { UrlGroupStats } from '@posthorn/shared';
import { eventually, readError } from '@posthorn/testkit';
import { useSystem } from './system.fixture.ts';

const system = useSystem();

const change = (method: string, path: string, body?: object) =>
  system.api.call(`/v2/topics/${path}`, { method, ...(body ? { body: JSON.stringify(body) } : {}) });
const endpoints = async (name: string) =>
  (await system.api.read<{ endpoints: object[] }>(`/v2/topics/${name}`)).endpoints;

test('endpoints are added in order, renamed, moved and removed; with the last one the group goes', async () => {
  await change('POST', 'life/endpoints', {
    endpoints: [{ url: 'https://a.example', name: 'a' }, { url: 'https://b.example' }],
  });
  await change('POST', 'life/endpoints', {
    endpoints: [{ url: 'https://c.example' }, { url: 'https://b.example', name: 'b' }],
  });
  await change('POST', 'life/endpoints', { endpoints: [{ url: 'https://a2.example', name: 'a' }] });
  expect(await endpoints('life')).toEqual([
    { name: 'a', url: 'https://a2.example' },
    { name: 'b', url: 'https://b.example' },
    { url: 'https://c.example' },
  ]);
  const group = await system.api.read<Record<string, unknown>>('/v2/topics/life');
  expect(group).toMatchObject({
    name: 'life',
    createdAt: expect.any(Number) as number,
    updatedAt: expect.any(Number) as number,
  });
  expect(
    (await change('DELETE', 'life/endpoints', { endpoints: [{ name: 'a' }, { url: 'https://c.example' }] })).status,
  ).toBe(200);
  expect(await endpoints('life')).toEqual([{ name: 'b', url: 'https://b.example' }]);
  await change('DELETE', 'life/endpoints', { endpoints: [{ name: 'b' }] });
  expect((await change('GET', 'life')).status).toBe(404);
});

test('no two endpoints have the same URL or the same name', async () => {
  const [u1, u2, u3] = ['https://u1.example', 'https://u2.example', 'https://u3.example'];
  const add = (...list: object[]) => change('POST', 'twice/endpoints', { endpoints: list });
  await add({ name: 'A', url: u1 }, { name: 'B', url: u2 }, { url: u3 });
  // One endpoint has the name and another one the URL.
  await add({ name: 'A', url: u2 });
  expect(await endpoints('twice')).toEqual([{ name: 'A', url: u2 }, { url: u3 }]);
  await add({ name: 'A', url: u3 });
  expect(await endpoints('twice')).toEqual([{ name: 'A', url: u3 }]);
  await add({ url: u3 }, { name: 'B', url: u1 }, { name: 'A', url: u1 });
  expect(await endpoints('twice')).toEqual([{ name: 'A', url: u1 }]);
});

test('removing an unknown group succeeds, reading it does not', async () => {
  expect((await change('DELETE', 'unknown')).status).toBe(200);
  expect((await change('GET', 'unknown')).status).toBe(404);
  expect((await change('DELETE', 'unknown/endpoints', { endpoints: [{ name: 'x' }] })).status).toBe(404);
});

test.each([
  ['a%20b/endpoints', { endpoints: [{ url: 'https://a.example' }] }],
  ['g/endpoints', { endpoints: [{ url: 'a.example' }] }],
  ['g/endpoints', { endpoints: [{ name: 'x' }] }],
  ['g/endpoints', { endpoints: [] }],
  ['g/endpoints', {}],
])('a wrong group is refused: %s %j', async (path, body) => {
  const response = await change('POST', path, body);
  expect(response.status).toBe(400);
  expect(await readError(response)).toMatch(/name|endpoints|url/);
});

test('concurrent additions are all kept', async () => {
  const urls = Array.from({ length: 20 }, (_, n) => `https://e${n}.example`);
  await Promise.all(urls.map((url) => change('POST', 'crowd/endpoints', { endpoints: [{ url }] })));
  expect(await endpoints('crowd')).toHaveLength(20);
});

test('a publish makes one independent message per endpoint, in their order', async () => {
  const url = (path: string) => system.receiver.url + path;
  await change('POST', 'my-topic/endpoints', {
    endpoints: [{ url: url('/one'), name: 'first' }, { url: url('/two') }],
  });
  system.receiver.reply('/one', 500);
  const headers = { 'Upstash-Retries': '0' };
  const body = 'x'.repeat(100_000);
  const response = await system.api.call('/v2/publish/my-topic', { method: 'POST', headers, body });
  const reply = (await response.json()) as { messageId: string; url: string }[];
  expect(reply.map((item) => item.url)).toEqual([url('/one'), url('/two')]);
  const [one, two] = reply.map(({ messageId }) => messageId) as [string, string];

  await system.api.untilState(one, 'FAILED');
  await system.api.untilState(two, 'DELIVERED');
  const [received] = system.receiver.at('/two');
  expect(received?.headers['upstash-topic-name']).toBe('my-topic');
  expect(received?.body.toString()).toBe(body);
  const failed = await system.api.message(one);
  expect(failed).toMatchObject({ topicName: 'my-topic', endpointName: 'first', url: url('/one') });
});

test('each endpoint has its own counts, also where two share a host, and only those of messages to the group', async () => {
  const url = (path: string) => system.receiver.url + path;
  await change('POST', 'counted/endpoints', {
    endpoints: [{ url: url('/good') }, { url: url('/bad'), name: 'bad' }, { url: url('/later') }],
  });
  await change('DELETE', 'counted/endpoints', { endpoints: [{ url: url('/later') }] });
  await change('POST', 'counted-too/endpoints', { endpoints: [{ url: url('/good') }] });
  system.receiver.reply('/bad', 500);
  const headers = { 'Upstash-Retries': '1', 'Upstash-Retry-Delay': '1' };
  for (const path of ['counted', 'counted', 'counted-too', url('/good')]) {
    await system.api.call(`/v2/publish/${path}`, { method: 'POST', headers });
  }
  const counts = await eventually(async () => {
    const found = (await (await change('GET', 'counted/stats')).json()) as UrlGroupStats;
    return found.endpoints[0]?.delivered === 2 && found.endpoints[1]?.failed === 2 ? found : undefined;
  });
  expect(counts.endpoints).toEqual([
    { url: url('/good'), attempts: 2, delivered: 2, errors: 0, failed: 0, successRate: 1 },
    { url: url('/bad'), name: 'bad', attempts: 4, delivered: 0, errors: 4, failed: 2, successRate: 0 },
  ]);
  expect(counts.to - counts.from).toBeGreaterThanOrEqual(24 * 3_600_000);
  const yesterday = (await (
    await change('GET', `counted/stats?to=${counts.to - 3 * 3_600_000}`)
  ).json()) as UrlGroupStats;
  expect(yesterday.endpoints.map(({ attempts }) => attempts)).toEqual([0, 0]);
});

test.each([
  ['unknown/stats', 404],
  ['counted/stats?from=yesterday', 400],
  ['counted/stats?from=2&to=1', 400],
  ['counted/stats?form=1', 400],
])('counts of endpoints are refused: %s', async (path, status) => {
  expect((await change('GET', path)).status).toBe(status);
});
