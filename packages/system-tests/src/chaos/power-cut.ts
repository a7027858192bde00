// `npm run test:powercut -- <cuts>`: what Redis has on its disk at one moment, and nothing of what the kernel still
// holds: publisher and Redis stand still, the file under their file system is copied, Redis starts from the copy, and
// every acknowledged message is looked for. `always` may lose nothing; what `everysec` loses is printed. Needs root.
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startApi, startRedis, testToken } from '@posthorn/testkit';
import { Agent } from 'undici';
import { createRandom } from '../random.ts';
import { readVersions } from './versions.ts';

const run = promisify(execFile);
const cuts = Number(process.argv[2] ?? 20);
const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 1_000_000);
const random = createRandom(seed);
const publishers = 32;

const cleanups: (() => Promise<unknown>)[] = [];
const cleanUp = async () => {
  for (let last = cleanups.pop(); last; last = cleanups.pop()) await last().catch(() => undefined);
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => void cleanUp().finally(() => process.exit(130)));
}

interface Cut {
  acked: number;
  lost: number;
  /** Acknowledged so long before the cut and lost nevertheless, at most. */
  lostMs: number;
  repaired: boolean;
}

async function mountImage(image: string, folder: string): Promise<void> {
  await mkdir(folder);
  await run('mount', ['-o', 'loop', image, folder]);
  cleanups.push(() => run('umount', ['--lazy', folder]));
}

async function cut(
  durability: 'always' | 'everysec',
  home: string,
): Promise<Cut & { versions: Record<string, string> }> {
  const image = join(home, 'disk');
  await run('truncate', ['--size', '128M', image]);
  await run('mkfs.ext4', ['-q', '-F', image]);
  await mountImage(image, join(home, 'live'));
  const redis = await startRedis({ durability, args: ['--dir', join(home, 'live')] });
  cleanups.push(() => redis.stop());
  const versions = await readVersions(redis.client);
  const api = await startApi(redis.url, { LOG_LEVEL: 'warn', DURABILITY: durability });
  cleanups.push(() => api.end('SIGKILL'));

  const acked = new Map<string, number>();
  const agent = new Agent({ connections: publishers });
  let isCut = false;
  const publishUntilCut = async () => {
    while (!isCut) {
      const answer = await agent.request({
        origin: api.url,
        path: '/v2/publish/http://127.0.0.1:9/never',
        method: 'POST',
        headers: { Authorization: `Bearer ${testToken}`, 'Upstash-Delay': '1d' },
        body: 'x'.repeat(200),
      });
      const { messageId } = (await answer.body.json()) as { messageId?: string };
      // A response that is read after the cut had left Redis before it, so it counts.
      if (messageId) acked.set(messageId, Date.now());
    }
  };
  const publishing = Promise.allSettled(Array.from({ length: publishers }, publishUntilCut));
  await new Promise((resolve) => setTimeout(resolve, random.between(1500, 4000)));

  api.kill('SIGSTOP');
  redis.freeze();
  const cutAt = Date.now();
  await copyFile(image, join(home, 'copy'));
  isCut = true;
  await agent.destroy();
  await publishing;
  await api.end('SIGKILL');
  await redis.stop();

  await mountImage(join(home, 'copy'), join(home, 'dead'));
  const dead = join(home, 'dead');
  let repaired = false;
  const revived = await startRedis({ durability, args: ['--dir', dead] }).catch(async () => {
    // The end of the file is zeros: the step that docs/operations.md names.
    repaired = true;
    await run('sh', ['-c', `yes | redis-check-aof --fix "$0"`, `${dead}/appendonlydir/appendonly.aof.manifest`]);
    return startRedis({ durability, args: ['--dir', dead] });
  });
  cleanups.push(() => revived.stop());
  const shards = Array.from({ length: 8 }, (_, shard) => `{d${shard}}:deliver:delayed`);
  const stored = new Set((await Promise.all(shards.map((key) => revived.client.zrange(key, 0, '-1')))).flat());
  const lost = [...acked].filter(([id]) => !stored.has(id));
  const lostMs = Math.max(0, ...lost.map(([, at]) => cutAt - at));
  return { acked: acked.size, lost: lost.length, lostMs, repaired, versions };
}

let failed = 0;
try {
  for (const durability of ['always', 'everysec'] as const) {
    const results: Cut[] = [];
    let versions: Record<string, string> = {};
    for (let n = 0; n < cuts; n++) {
      const home = await mkdtemp(join(tmpdir(), 'posthorn-power-'));
      try {
        const { versions: found, ...result } = await cut(durability, home);
        versions = found;
        results.push(result);
      } finally {
        await cleanUp();
        await rm(home, { recursive: true, force: true });
      }
    }
    const acked = results.reduce((sum, result) => sum + result.acked, 0);
    const lost = results.map((result) => result.lost);
    const most = Math.max(...lost);
    const lostMs = Math.max(...results.map((result) => result.lostMs));
    const repaired = results.filter((result) => result.repaired).length;
    const holds = durability === 'always' ? most === 0 : lostMs <= 2000;
    if (!holds) failed++;
    console.log(JSON.stringify({ durability, cuts, seed, ...versions, acked, lost, lostMs, repaired, holds }));
  }
} finally {
  await cleanUp();
}
console.log(`${2 - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
