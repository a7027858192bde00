import { execFile } from 'node:child_process';
import { appendFile, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startApi, startRedis } from '@posthorn/testkit';
import { Skip, type Fault } from '../fault.ts';

const run = promisify(execFile);
const count = 200;

/** What can be wrong with the append-only file: whether Redis starts, and which messages are left, before a repair or after. */
const damages = [
  {
    name: 'cut off',
    starts: true,
    minLeft: count - 1,
    damage: async (file: string) => truncate(file, (await stat(file)).size - 7),
  },
  {
    name: 'zeros at the end',
    starts: false,
    minLeft: count,
    damage: (file: string) => appendFile(file, Buffer.alloc(4096)),
  },
  { name: 'a byte in the middle', starts: false, minLeft: count * 0.4, damage: flipByte },
];

/** The append-only file is damaged while nothing runs, and repaired as docs/operations.md says. */
export const damagedAof: Fault = {
  name: 'damaged-aof',
  rows: ['F48'],
  async run(chaos) {
    for (const { name, starts, minLeft, damage } of damages) {
      const folder = await mkdtemp(join(tmpdir(), 'posthorn-damaged-'));
      const args = ['--dir', folder];
      try {
        const ids = await fill(args);
        await damage(join(folder, 'appendonlydir/appendonly.aof.1.incr.aof'));
        const started = await startRedis({ args }).catch(() => undefined);
        chaos.claim(`${name}: Redis ${started ? 'starts' : 'refuses'}`, (started !== undefined) === starts);
        if (!started) await repair(join(folder, 'appendonlydir/appendonly.aof.manifest'));
        const redis = started ?? (await startRedis({ args }));
        const api = await startApi(redis.url);
        const answers = await Promise.all(ids.map(async (id) => (await api.call(`/v2/messages/${id}`)).status));
        const left = answers.filter((status) => status === 200).length;
        chaos.figure(name, `${left} of ${count} left`);
        chaos.claim(`${name}: ${left} are left, at least ${minLeft}`, left >= minLeft);
        const first = answers.indexOf(404);
        chaos.claim(`${name}: only the last ones are missing`, first < 0 || answers.lastIndexOf(200) < first);
        await api.publish('http://127.0.0.1:9/again');
        await api.end('SIGKILL');
        await redis.stop();
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    }
  },
};

/** Stores messages, one after the other, and leaves nothing running. */
async function fill(args: string[]): Promise<string[]> {
  const redis = await startRedis({ args });
  const api = await startApi(redis.url);
  const ids: string[] = [];
  for (let n = 0; n < count; n++) {
    ids.push(await api.publish('http://127.0.0.1:9/never', { headers: { 'Upstash-Delay': '1d' }, body: `${n}` }));
  }
  await api.end('SIGKILL');
  await redis.stop();
  return ids;
}

/** One that says how long the next argument is: of those that are arguments Redis knows nothing. */
async function flipByte(file: string): Promise<void> {
  const bytes = await readFile(file);
  const at = bytes.indexOf('\r\n$', Math.floor(bytes.length / 2)) + 2;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await writeFile(file, bytes);
}

async function repair(manifest: string): Promise<void> {
  await run('sh', ['-c', 'command -v redis-check-aof']).catch(() => {
    throw new Skip('A repair needs redis-check-aof: install it.');
  });
  await run('sh', ['-c', 'yes | redis-check-aof --fix "$0"', manifest]);
}
