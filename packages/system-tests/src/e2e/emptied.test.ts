import { eventually, startSystem, type TestSystem } from '@posthorn/testkit';

let system: TestSystem;
const keys = { QSTASH_CURRENT_SIGNING_KEY: 'sig_given_current', QSTASH_NEXT_SIGNING_KEY: 'sig_given_next' };
beforeAll(async () => {
  system = await startSystem({ api: keys, dispatcher: { GLOBAL_PARALLELISM: '80' } });
});
afterAll(() => system.stop());

const at = (path: string) => system.receiver.url + path;
const call = async (method: string, path: string, headers: Record<string, string> = {}, body?: object) => {
  const response = await system.api.call(path, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
  const text = await response.text();
  return { status: response.status, body: (text ? JSON.parse(text) : undefined) as Record<string, unknown> };
};
const inLane = { 'Upstash-Flow-Control-Key': 'k', 'Upstash-Flow-Control-Value': 'parallelism=2' };

/** Creates some of everything, as a client does that does not know that Redis was emptied. */
async function useAll(name: string): Promise<void> {
  expect((await call('POST', '/v2/topics/group/endpoints', {}, { endpoints: [{ url: at(`/${name}`) }] })).status).toBe(
    200,
  );
  const cron = { 'Upstash-Cron': '0 0 1 1 *', 'Upstash-Schedule-Id': 'yearly' };
  expect((await call('POST', `/v2/schedules/${at('/never')}`, cron)).status).toBe(200);
  const statuses = await Promise.all([
    call('POST', `/v2/publish/${at(`/${name}`)}`),
    call('POST', `/v2/publish/${at(`/${name}`)}`, { 'Upstash-Delay': '1s' }),
    call('POST', `/v2/publish/${at(`/${name}`)}`, inLane),
    call('POST', `/v2/publish/${at(`/${name}`)}`, { 'Upstash-Callback': at(`/${name}`) }),
    call('POST', `/v2/enqueue/queue/${at(`/${name}`)}`),
    call('POST', `/v2/enqueue/queue/${at(`/${name}`)}`),
    call('POST', '/v2/publish/group'),
  ]);
  expect(statuses.map(({ status }) => status)).toEqual(Array(7).fill(200));
  await eventually(() => system.receiver.at(`/${name}`).length === 8);
  expect((await call('GET', '/v2/queues/queue')).body).toMatchObject({ parallelism: 1 });
}

test.each(['FLUSHALL', 'SCRIPT FLUSH'])(
  'after a %s in the middle of everything all of it works again',
  async (command) => {
    system.receiver.reply('/busy', { status: 200, afterMs: 30 });
    await useAll(`before-${command.length}`);
    const statuses = new Set<number>();
    let isOver = false;
    const load = Promise.all(
      [0, 1, 2, 3].map(async (n) => {
        const queued = { 'Upstash-Queue-Name': 'busy' };
        const limited = { ...inLane, 'Upstash-Flow-Control-Key': 'busy' };
        while (!isOver) {
          statuses.add((await call('POST', `/v2/publish/${at('/busy')}`, [{}, limited, queued][n])).status);
          await new Promise((resolve) => setTimeout(resolve, 30));
        }
      }),
    );
    await eventually(() => system.receiver.at('/busy').length > 20);
    const [name = '', ...rest] = command.split(' ');
    await system.redis.client.call(name, ...rest);
    await useAll(`after-${command.length}`);
    isOver = true;
    await load;
    expect([...statuses]).toEqual([200]);
    // Receivers know no others.
    await eventually(async () => {
      expect((await call('GET', '/v2/keys')).body).toEqual({ current: 'sig_given_current', next: 'sig_given_next' });
      return true;
    });
    for (const { pid, output } of [system.api, system.dispatcher]) {
      expect(() => process.kill(pid, 0)).not.toThrow();
      expect(output()).not.toMatch(/request\.broken|attempt\.broken/);
    }
    await eventually(async () => (await fetch(`${system.dispatcher.url}/ready`)).ok);
  },
  60_000,
);

test('what is gone is said once by each process, and a limit over all dispatchers counts again', async () => {
  const count = ({ output }: { output: () => string }) => output().split('"redis.emptied"').length - 1;
  const before = [count(system.api), count(system.dispatcher)];
  await system.redis.client.flushall();
  await eventually(() => count(system.api) > (before[0] ?? 0) && count(system.dispatcher) > (before[1] ?? 0));
  expect((await call('GET', '/v2/schedules')).body).toEqual([]);
  await eventually(async () => (await system.redis.client.hget('{d0}:deliver:meta', 'concurrency')) === '10');
  expect([count(system.api), count(system.dispatcher)]).toEqual(before.map((times) => times + 1));
});
