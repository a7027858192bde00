import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { eventually, findFreePort, startApi, startReceiver, startRedis } from '@posthorn/testkit';
import { startNameServer } from '../hostile/name-server.ts';
import { startSink } from '../hostile/sink.ts';

const limit = 150;

/** A dispatcher that may open few files. */
async function startDispatcher(variables: Record<string, string>) {
  const port = await findFreePort();
  const program = `${process.env['POSTHORN_ROOT'] ?? process.cwd()}/apps/dispatcher/dist/main.js`;
  const child = spawn('sh', ['-c', `ulimit -n ${limit}; exec "$@"`, 'sh', process.execPath, program], {
    env: { PATH: process.env['PATH'], ALLOW_PRIVATE_DESTINATIONS: 'true', PROBE_PORT: String(port), ...variables },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  const ask = (path: string) => fetch(`http://127.0.0.1:${port}${path}`, { headers: { Connection: 'close' } });
  await eventually(async () => (await ask('/ready').catch(() => undefined))?.ok);
  return {
    output: () => output,
    ask,
    async stop() {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

test('a dispatcher without descriptors defers messages, says so, and none loses an attempt', async () => {
  const redis = await startRedis();
  ends.push(redis.stop);
  const names = await startNameServer();
  ends.push(names.stop);
  const receiver = await startReceiver();
  ends.push(receiver.stop);
  const api = await startApi(redis.url);
  ends.push(() => api.end('SIGKILL'));
  const dispatcher = await startDispatcher({ REDIS_URL: redis.url, ...names.variables });
  ends.push(dispatcher.stop);
  await eventually(() => dispatcher.output().includes('dispatcher.started'));

  // More connections at once than the process has descriptors: within half a second none of them is slow.
  const held = new Set<Socket>();
  let isHolding = true;
  const hold = (socket: Socket) => {
    if (!isHolding) return void socket.destroy();
    held.add(socket.on('close', () => held.delete(socket)));
    socket.resume();
  };
  const sinks = await Promise.all(Array.from({ length: 200 }, () => startSink(hold)));
  ends.push(() => Promise.all(sinks.map((sink) => sink.stop())));
  const publish = (url: string) => api.publish(url, { headers: { 'Upstash-Retries': '0' } });
  const hanging = sinks.map(({ port }) => `http://127.0.0.1:${port}/`);
  await Promise.all(hanging.map(publish));
  // Unrelated messages: by address, by a name in the hosts file, and by names that a name server knows.
  const byName = (host: string) => receiver.url.replace('127.0.0.1', host);
  for (let n = 0; n < 10; n++) names.answer(`healthy-${n}.test`, ['127.0.0.1']);
  const unrelated = [
    ...Array.from({ length: 10 }, (_, n) => `${receiver.url}/address-${n}`),
    ...Array.from({ length: 10 }, (_, n) => `${byName('localhost')}/local-${n}`),
    ...Array.from({ length: 10 }, (_, n) => `${byName(`healthy-${n}.test`)}/named-${n}`),
  ];
  const ids = await Promise.all(unrelated.map(publish));
  for (const id of ids) {
    await api.untilState(id, 'DELIVERED', 80_000);
    expect(await api.states(id)).not.toContain('ERROR');
  }
  expect(receiver.requests.map(({ headers }) => headers['upstash-retried'])).toEqual(unrelated.map(() => '0'));
  await eventually(() => dispatcher.output().includes('trouble.started'));
  const metrics = await eventually(async () => (await dispatcher.ask('/metrics')).text());
  expect(Number(/^posthorn_own_faults_total\{kind="no-files"\} (.*)$/m.exec(metrics)?.[1])).toBeGreaterThan(0);

  isHolding = false;
  for (const socket of held) socket.destroy();
  await eventually(() => dispatcher.output().includes('trouble.ended'), 60_000);
  expect(dispatcher.output().match(/"kind":"no-files".*trouble\.started/g)).toHaveLength(1);
  await eventually(async () => (await dispatcher.ask('/ready')).ok);
  expect(dispatcher.output()).toMatch(/"limit":150,"needed":1428,.*set the limit to 2048 .*"open-files.few"/);
}, 240_000);
