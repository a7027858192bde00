import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually, startRedis, type TestRedis } from '@posthorn/testkit';
import { Skip, type Fault } from '../fault.ts';
import type { Stage } from '../stage.ts';

const run = promisify(execFile);

/** The machine is gone; a backup of the running system is restored on another one, as docs/operations.md says. */
export const restore: Fault = {
  name: 'restore',
  rows: ['F49'],
  async run(chaos) {
    const stage = await chaos.stage({ dispatchers: 2, proxied: true });
    const load = await stage.load(100);
    await chaos.pause(2500, 3500);
    await load.stop();
    await stage.drain(40_000);
    await fill(stage);
    const before = await look(stage);

    const folder = await mkdtemp(join(tmpdir(), 'posthorn-restored-'));
    await backUp(stage.redis, join(folder, 'posthorn.rdb'));
    const lost = stage.redis;
    await Promise.all([...stage.dispatchers, ...stage.apis].map((process) => process.end('SIGKILL')));
    await lost.kill();

    const restored = await restoreIn(folder);
    try {
      stage.redis = restored;
      stage.proxy?.retarget(restored.port);
      stage.proxy?.cut();
      const lists = Array.from({ length: 8 }, (_, shard) => restored.client.llen(`{d${shard}}:deliver:active`));
      const inFlight = (await Promise.all(lists)).reduce((total, count) => total + count, 0);
      chaos.figure('inFlight', inFlight);
      await stage.startApi(0);
      const after = await look(stage);
      for (const [path, text] of before) {
        chaos.claim(`${path} says ${after.get(path) ?? ''} instead of ${text}`, after.get(path) === text);
      }
      await Promise.all([stage.startDispatcher(0), stage.startDispatcher(1)]);
      await stage.post('/v2/queues/asleep/resume');
      const account = await chaos.settle(stage, { duplicates: inFlight });
      chaos.claim(
        `attempts made again: ${account.reruns.length}, in flight: ${inFlight}`,
        account.reruns.length > 0 && account.reruns.length <= inFlight,
      );
    } finally {
      stage.redis = lost;
      await restored.stop();
      await rm(folder, { recursive: true, force: true });
    }
  },
};

const inFlightCount = 20;

/** Some of everything that a backup has to bring back, and deliveries in flight. */
async function fill(stage: Stage): Promise<void> {
  const order = (sort: string, query: string) => ({
    sort,
    ends: 'delivered' as const,
    destination: `${stage.receiver}/m?${query}`,
  });
  await stage.post('/v2/queues', { queueName: 'asleep', parallelism: 3, paused: true });
  await stage.post(`/v2/schedules/${stage.receiver}/m`, undefined, { 'Upstash-Cron': '0 0 1 1 *' });
  const paused = { 'Upstash-Cron': '0 0 1 1 *', 'Upstash-Schedule-Id': 'asleep' };
  await stage.post(`/v2/schedules/${stage.receiver}/m`, undefined, paused);
  await stage.post('/v2/schedules/asleep/pause');
  const { publish } = stage.publisher;
  for (let n = 0; n < 10; n++) {
    await publish({ ...order('asleep', 'ms=5'), headers: { 'Upstash-Queue-Name': 'asleep' } });
    await publish({ ...order('later', 'ms=5'), delayMs: 30_000, bodyBytes: n % 2 === 0 ? 30_000 : 200 });
  }
  await Promise.all(Array.from({ length: inFlightCount }, () => publish(order('slow', 'ms=8000'))));
  const isSlow = ([{ key } = { key: '' }]: readonly { key: string }[]) => key.startsWith('slow');
  await eventually(() => [...stage.account().receipts.values()].filter(isSlow).length === inFlightCount, 20_000);
}

/** What the API says of all that is there; lists have no order that is promised. */
async function look(stage: Stage): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  const waiting = [...stage.account().known].filter(([, { sort }]) => sort === 'later' || sort === 'asleep');
  const lists = ['/v2/queues', '/v2/topics', '/v2/schedules', '/v2/dlq?count=100', '/v2/keys'];
  for (const path of [...lists, ...waiting.map(([id]) => `/v2/messages/${id}`)]) {
    const response = await stage.apis[0]?.call(path);
    const view: unknown = await response?.json();
    const parts = Array.isArray(view) ? view.map((item) => JSON.stringify(item)).sort() : [JSON.stringify(view)];
    texts.set(path, `${response?.status ?? 0} ${parts.join()}`);
  }
  return texts;
}

async function backUp({ url }: TestRedis, file: string): Promise<void> {
  await run('redis-cli', ['-u', url, '--rdb', file]).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new Skip('A backup needs redis-cli: install it.');
    throw error;
  });
}

/** Redis reads the backup, writes it as an append-only file, and is started as usual. */
async function restoreIn(folder: string): Promise<TestRedis> {
  const args = ['--dir', folder];
  const reader = await startRedis({ args: [...args, '--dbfilename', 'posthorn.rdb', '--appendonly', 'no'] });
  await reader.client.config('SET', 'appendonly', 'yes');
  await eventually(async () => {
    const info = await reader.client.info('persistence');
    return info.includes('aof_rewrite_in_progress:0') && info.includes('aof_rewrite_scheduled:0');
  }, 60_000);
  await reader.client.shutdown().catch(() => undefined);
  await reader.stop();
  return startRedis({ args });
}
