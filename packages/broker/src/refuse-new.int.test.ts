import { useBroker } from './broker.fixture.ts';

let noRoom: string | undefined;
const stage = useBroker(2, { findNoRoom: () => noRoom });

const endpoints = [{ url: 'https://a.example' }];
const headers = { 'Upstash-Retries': ['1'] };
const schedule = (scheduleId: string, body: string) =>
  stage.broker.schedules.create({
    destination: { kind: 'url', url: 'https://a.example' },
    headers: ['Upstash-Cron', '0 0 1 1 *', 'Upstash-Schedule-Id', scheduleId],
    tokenInQuery: false,
    body: Buffer.from(body),
    callerIp: '::1',
  });

test('a full Redis refuses everything that is new, and lets what exists be changed, paused and removed', async () => {
  const { schedules, urlGroups, queues, flowControls } = stage.broker;
  await schedule('old', 'x');
  await urlGroups.addEndpoints('old', endpoints);
  await urlGroups.setHeaders('old', headers);
  await queues.upsert('old', {});
  await flowControls.pin('old', { rate: 1 });
  noRoom = 'Redis is full.';
  const keys = (await stage.server.client.keys('*')).sort();

  const doors = [
    () => schedule('new', 'x'.repeat(100_000)),
    () => schedule('old', 'x'.repeat(100_000)),
    () => urlGroups.addEndpoints('new', endpoints),
    () => urlGroups.addEndpoints('old', [{ url: 'https://b.example' }]),
    () => urlGroups.setHeaders('old', { ...headers, 'Upstash-Forward-A': ['x'] }),
    () => queues.upsert('new', {}),
    () => flowControls.pin('new', { rate: 1 }),
    () => flowControls.setPaused('new', true),
    () => flowControls.setPaused('new', false),
    () => flowControls.unpin('new', { parallelism: true, rate: true }),
    () => flowControls.resetRate('new'),
  ];
  for (const door of doors) await expect(door()).rejects.toMatchObject({ status: 503, message: noRoom });
  expect((await stage.server.client.keys('*')).sort()).toEqual(keys);

  await queues.upsert('old', { paused: true });
  await queues.setPaused('old', false);
  await flowControls.setPaused('old', true);
  await flowControls.pin('old', { parallelism: 2 });
  await flowControls.setPaused('old', false);
  await flowControls.unpin('old', { parallelism: true, rate: true });
  await flowControls.resetRate('old');
  await schedules.setPaused('old', true);
  await urlGroups.setHeaders('old', {});
  await urlGroups.removeEndpoints('old', endpoints);
  await queues.remove('old');
  expect(await schedules.remove('old')).toBe(true);
});
