// What the console and the command line count: messages over time, and the hosts that they go to.
import type { DestinationView, Stats } from '@posthorn/shared';
import { eventually, readError } from '@posthorn/testkit';
import { useSystem } from './system.fixture.ts';

const system = useSystem();
const { urlOf, publish } = system;

const status = async (path: string) => (await system.api.call(path)).status;

describe('counts', () => {
  test('say what happened, in all and for each group', async () => {
    system.receiver.reply('/counted-fail', 503);
    const headers = { 'Upstash-Label': 'counted', 'Upstash-Queue-Name': 'counted-queue' };
    for (let n = 0; n < 3; n++) await publish('/counted', { 'Upstash-Label': 'counted' });
    const dead = await publish('/counted-fail', {
      'Upstash-Label': 'counted',
      'Upstash-Retries': '1',
      'Upstash-Retry-Delay': '1',
    });
    const canceled = await publish('/counted', { ...headers, 'Upstash-Delay': '1h' });
    await system.api.untilState(dead, 'FAILED');
    await system.api.request('DELETE', `/v2/messages/${canceled}`);
    const wanted = { accepted: 5, delivered: 3, failed: 1, canceled: 1, attempts: 5, errors: 2, retries: 1 };
    const stats = await eventually(async () => {
      const found = await system.api.read<Stats>('/v2/stats?label=counted');
      expect(found.totals).toEqual(wanted);
      return found;
    });
    const sum = stats.series[0]?.points.reduce((total, { attempts }) => total + attempts, 0);
    expect(sum).toBe(5);
    const byStatus = await system.api.read<Stats>('/v2/stats?groupBy=responseStatus');
    expect(byStatus.top.find(({ key }) => key === '503')?.count).toBe(2);
    expect((await system.api.read<Stats>('/v2/stats?groupBy=label&top=50')).top).toContainEqual({
      key: 'counted',
      count: 5,
    });
  });

  test('are kept for each field', async () => {
    await system.api.addEndpoints('counted-group', urlOf('/ok'));
    const headers = {
      'Upstash-Label': 'counted-label',
      'Upstash-Queue-Name': 'counted-all',
      'Upstash-Flow-Control-Key': 'counted-key',
      'Upstash-Flow-Control-Value': 'parallelism=2',
    };
    await system.api.call('/v2/publish/counted-group', { method: 'POST', headers, body: 'x' });
    for (const [groupBy, key] of [
      ['host', '127.0.0.1'],
      ['label', 'counted-label'],
      ['queueName', 'counted-all'],
      ['topicName', 'counted-group'],
      ['flowControlKey', 'counted-key'],
      ['responseStatus', '200'],
    ] as const) {
      const path = `/v2/stats?groupBy=${groupBy}&top=50`;
      const { series } = await eventually(async () => {
        const found = await system.api.read<Stats>(path);
        return found.top.some((one) => one.key === key) ? found : undefined;
      });
      expect(series.map((one) => one.key)).toContain(key);
    }
  });

  test('a duplicate is not counted', async () => {
    const headers = { 'Upstash-Label': 'twice', 'Upstash-Deduplication-Id': 'twice' };
    await publish('/ok', headers);
    await publish('/ok', headers);
    await eventually(async () => (await system.api.read<Stats>('/v2/stats?label=twice')).totals.delivered === 1);
    expect((await system.api.read<Stats>('/v2/stats?label=twice')).totals).toMatchObject({ accepted: 1, delivered: 1 });
  });

  test.each([
    ['step=1000', 'step'],
    [`from=0&step=60000`, 'step'],
    ['step=60000&from=' + String(Date.now() - 47 * 3_600_000), 'points'],
    ['from=5&to=3', 'from'],
    ['groupBy=color', 'groupBy'],
    ['host=a&label=b', 'one field'],
    ['label=a,b', 'one value'],
    ['unknown=1', 'unknown'],
  ])('%s is refused with a reason', async (query, reason) => {
    const response = await system.api.call(`/v2/stats?${query}`);
    expect(response.status).toBe(400);
    expect(await readError(response)).toContain(reason);
  });

  test('a host has its attempts, durations and last error', async () => {
    const list = await eventually(async () => {
      const { destinations } = await system.api.read<{ destinations: DestinationView[] }>(
        '/v2/destinations?order=attempts',
      );
      return destinations[0] && destinations[0].failed > 0 ? destinations : undefined;
    });
    expect(list[0]).toMatchObject({
      host: '127.0.0.1',
      lastError: { error: expect.any(String) as string, messageId: expect.stringMatching(/^msg_/) as string },
    });
    expect(list[0]?.p95Ms).toBeGreaterThanOrEqual(list[0]?.p50Ms ?? 0);
    expect(list[0]?.dead).toBeGreaterThan(0);
    expect(list[0]?.successRate).toBeLessThan(1);
    expect(
      (await system.api.read<{ destinations: DestinationView[] }>('/v2/destinations?host=none.example')).destinations,
    ).toEqual([]);
  });
});

describe('destinations', () => {
  const list = (query: string) =>
    system.api.read<{ destinations: DestinationView[]; cursor?: string }>(`/v2/destinations?${query}`);
  const hosts = async (query: string) => (await list(query)).destinations.map(({ host }) => host);
  beforeAll(async () => {
    system.receiver.reply('/slow-host', { status: 200, afterMs: 400 });
    const byName = system.receiver.url.replace('127.0.0.1', 'localhost');
    await system.api.untilState(await publish('/ok'), 'DELIVERED');
    await system.api.untilState(await system.api.publish(`${byName}/slow-host`), 'DELIVERED');
    // The counts of the slow attempt are written last.
    await eventually(async () => (await list('host=localhost')).destinations[0]?.delivered === 1);
  });

  test.each([
    ['order=name', ['127.0.0.1', 'localhost']],
    ['order=errors', ['127.0.0.1', 'localhost']],
    ['order=attempts', ['127.0.0.1', 'localhost']],
    ['order=slow', ['localhost', '127.0.0.1']],
    ['', ['127.0.0.1', 'localhost']],
  ])('"%s" has its order', async (query, wanted) => expect(await hosts(query)).toEqual(wanted));

  test('go on behind a cursor', async () => {
    const first = await list('order=name&count=1');
    expect(first.destinations.map(({ host }) => host)).toEqual(['127.0.0.1']);
    const second = await list(`order=name&count=1&cursor=${first.cursor ?? ''}`);
    expect(second.destinations.map(({ host }) => host)).toEqual(['localhost']);
    expect(second.cursor).toBeUndefined();
  });

  test('count what waits, also what is delayed, and what waits for its retry', async () => {
    // Nothing listens on this address of the same machine.
    const url = system.receiver.url.replace('127.0.0.1', '127.0.0.2');
    const read = async () => (await list('host=127.0.0.2')).destinations[0];
    await system.api.publish(url, { headers: { 'Upstash-Delay': '1h' } });
    await eventually(async () => (await read())?.waiting === 1);
    await system.api.untilState(
      await system.api.publish(url, { headers: { 'Upstash-Retry-Delay': '600000' } }),
      'RETRY',
    );
    const host = await eventually(async () => {
      const found = await read();
      return found?.waiting === 2 && found.errors === 1 ? found : undefined;
    });
    expect(host).toMatchObject({ attempts: 1, inFlight: 0, delivered: 0, dead: 0 });
    await system.api.request('DELETE', '/v2/messages?host=127.0.0.2');
    await eventually(async () => (await read())?.waiting === 0);
  });

  test.each(['order=size', 'host=a,b', 'cursor=x', 'form=1', 'from=2&to=1'])('%s is refused', async (query) =>
    expect(await status(`/v2/destinations?${query}`)).toBe(400),
  );
});
