import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { eventually, findFreePort, startApp, startRedis, testToken, type TestRedisOptions } from '@posthorn/testkit';
import { makeCertificates } from '../../hostile/certificates.ts';
import type { Fault } from '../fault.ts';

const secret = 'a-password-that-nobody-may-see';

interface Started {
  app: string;
  isReady: boolean;
  output: string;
}

/** Starts both apps against a Redis that is not as it should be, and gives what they say until they end or are ready. */
function start(redisUrl: string): Promise<[Started, Started]> {
  return Promise.all([startOne('api', redisUrl), startOne('dispatcher', redisUrl)]);
}

async function startOne(app: 'api' | 'dispatcher', redisUrl: string): Promise<Started> {
  const port = String(await findFreePort());
  const where = app === 'api' ? { PORT: port, QSTASH_TOKEN: testToken } : { PROBE_PORT: port };
  const process = startApp(app, { REDIS_URL: redisUrl, ...where });
  let hasEnded = false;
  void process.exited.then(() => (hasEnded = true));
  const isReady = async () => (await fetch(`http://127.0.0.1:${port}/ready`).catch(() => undefined))?.ok;
  await eventually(async () => hasEnded || (await isReady()), 30_000).catch(() => undefined);
  const started = { app, isReady: !hasEnded, output: process.output() };
  await process.end('SIGKILL');
  return started;
}

/** What is wrong is said at the start, in a sentence, and a wrong eviction policy is no start at all. */
export const wrongSettings: Fault = {
  name: 'wrong-settings',
  rows: ['F11', 'F13'],
  async run(chaos) {
    await tryRedis({ args: ['--maxmemory-policy', 'allkeys-lru'] }, (results) => {
      for (const { app, isReady, output } of results) {
        chaos.claim(`${app} refuses an evicting Redis: ${output}`, !isReady && output.includes('noeviction'));
      }
    });
    await tryRedis({ args: ['--appendonly', 'no'] }, ([api]) => {
      chaos.claim(`the API warns of a Redis without AOF: ${api.output}`, api.output.includes('append-only'));
    });
    await tryRedis({ durability: 'everysec' }, ([api]) => {
      chaos.claim(`the API warns of everysec: ${api.output}`, api.output.includes('everysec'));
    });
    const redis = await startRedis();
    await redis.client.config('SET', 'requirepass', 'the right one');
    for (const { app, isReady, output } of await start(redis.url.replace('//', `//:${secret}@`))) {
      chaos.claim(`${app} refuses a wrong password: ${output}`, !isReady && output.includes('WRONGPASS'));
      chaos.claim(`${app} keeps the secret`, !output.includes(secret));
    }
    // No password is sent over a connection that is not proved to reach Redis.
    const untrusted = await startUntrusted();
    for (const [what, port, reason] of [
      ['a Redis without TLS', redis.port, /does not speak TLS on port \d+; use redis:\/\//],
      ['a certificate that signs itself', untrusted.port, /self-signed certificate/],
    ] as const) {
      for (const { app, isReady, output } of await start(`rediss://:${secret}@localhost:${port}`)) {
        chaos.claim(
          `${app} refuses ${what}: ${output}`,
          !isReady && output.includes('REDIS_URL') && reason.test(output),
        );
        chaos.claim(`${app} says so in a sentence`, output.trim().split('\n').length === 1);
        chaos.claim(`${app} keeps the secret`, !output.includes(secret));
      }
    }
    chaos.claim(`sent without trust: ${untrusted.bytes()} bytes`, untrusted.bytes() === 0);
    untrusted.close();
    await redis.stop();
    const old = await startOldRedis();
    for (const { app, isReady, output } of await start(`redis://127.0.0.1:${old.port}`)) {
      chaos.claim(`${app} refuses Redis 5: ${output}`, !isReady && output.includes('6.2'));
    }
    old.close();
  },
};

async function tryRedis(options: TestRedisOptions, judge: (results: [Started, Started]) => void): Promise<void> {
  const redis = await startRedis(options);
  try {
    judge(await start(redis.url));
  } finally {
    await redis.stop();
  }
}

/** Has a certificate that signs itself, and counts the bytes that it receives nevertheless. */
async function startUntrusted(): Promise<{ port: number; bytes(): number; close(): void }> {
  const { selfSigned } = await makeCertificates();
  let bytes = 0;
  const server = createTlsServer(selfSigned, (socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (data: Buffer) => (bytes += data.length));
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, 'localhost');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, bytes: () => bytes, close: () => server.close() };
}

/** Says of itself that it is Redis 5, and OK to everything else. */
async function startOldRedis(): Promise<{ port: number; close(): void }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      for (const command of data.toString().matchAll(/\*\d+\r\n\$\d+\r\n(\w+)/g)) {
        const name = command[1]?.toLowerCase();
        const info = 'redis_version:5.0.14\r\nloading:0\r\nmaxmemory_policy:noeviction\r\n';
        if (name === 'info') socket.write(`$${info.length}\r\n${info}\r\n`);
        else socket.write(name === 'ping' ? '+PONG\r\n' : '+OK\r\n');
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}
