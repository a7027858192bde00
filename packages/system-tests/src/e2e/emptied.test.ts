import { eventually } from '@posthorn/testkit';
import { useSystem } from './system.fixture.ts';

const keys = { QSTASH_CURRENT_SIGNING_KEY: 'sig_given_current', QSTASH_NEXT_SIGNING_KEY: 'sig_given_next' };
const system = useSystem({ api: keys, dispatcher: { GLOBAL_PARALLELISM: '80' } });
const { urlOf } = system;

const inLane = { 'Upstash-Flow-Control-Key': 'k', 'Upstash-Flow-Control-Value': 'parallelism=2' };

/** Creates some of everything, as a client does that does not know that Redis was emptied. */
async function useAll(name: string): Promise<void> {
  await system.api.addEndpoints('group', urlOf(`/${name}`));
  const cron = { 'Upstash-Cron': '0 0 1 1 *', 'Upstash-Schedule-Id': 'yearly' };
  expect((await system.api.request('POST', `/v2/schedules/${urlOf('/never')}`, { headers: cron })).status).toBe(200);
  const statuses = await Promise.all([
    system.api.request('POST', `/v2/publish/${urlOf(`/${name}`)}`),
    system.api.request('POST', `/v2/publish/${urlOf(`/${name}`)}`, { headers: { 'Upstash-Delay': '1s' } }),
    system.api.request('POST', `/v2/publish/${urlOf(`/${name}`)}`, { headers: inLane }),
    system.api.request('POST', `/v2/publish/${urlOf(`/${name}`)}`, {
      headers: { 'Upstash-Callback': urlOf(`/${name}`) },
    }),
    system.api.request('POST', `/v2/enqueue/queue/${urlOf(`/${name}`)}`),
    system.api.request('POST', `/v2/enqueue/queue/${urlOf(`/${name}`)}`),
    system.api.request('POST', '/v2/publish/group'),
  ]);
  expect(statuses.map(({ status }) => status)).toEqual(Array(7).fill(200));
  await eventually(() => system.receiver.at(`/${name}`).length === 8);
  expect(await system.api.read('/v2/queues/queue')).toMatchObject({ parallelism: 1 });
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
          statuses.add(
            (
              await system.api.request('POST', `/v2/publish/${urlOf('/busy')}`, {
                headers: [{}, limited, queued][n] ?? {},
              })
            ).status,
          );
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
      expect(await system.api.read('/v2/keys')).toEqual({
        current: 'sig_given_current',
        next: 'sig_given_next',
      });
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
  expect(await system.api.read('/v2/schedules')).toEqual([]);
  await eventually(async () => (await system.redis.client.hget('{d0}:deliver:meta', 'concurrency')) === '10');
  expect([count(system.api), count(system.dispatcher)]).toEqual(before.map((times) => times + 1));
});
