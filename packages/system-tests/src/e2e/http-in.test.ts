import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { eventually, findFreePort, rawRequest, testToken } from '@posthorn/testkit';
import { useSystem } from './system.fixture.ts';

const system = useSystem();

const authorization = `Authorization: Bearer ${testToken}\r\n`;

test('a sender that never ends its headers gets a 408, and one that sends none at all is not waited for', async () => {
  const [answer, silence] = await Promise.all([
    rawRequest(system.api.url, `GET /v2/dlq HTTP/1.1\r\nHost: x\r\n${authorization}X-Slow: `),
    rawRequest(system.api.url, ''),
  ]);
  expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  expect(JSON.parse(answer.slice(answer.indexOf('{')))).toEqual({ error: 'The request took too long.' });
  expect(silence).toMatch(/^(HTTP\/1\.1 408 |$)/);
});

test('headers that come a byte at a time are waited for no longer', async () => {
  const { hostname, port } = new URL(system.api.url);
  const socket = connect(Number(port), hostname);
  const closed = once(socket, 'close');
  socket.on('error', () => undefined);
  const drip = setInterval(() => socket.write('X'), 200);
  socket.write(`GET /v2/dlq HTTP/1.1\r\nHost: x\r\n`);
  socket.resume();
  await closed;
  clearInterval(drip);
});

test('2,000 idle connections do not keep a publish from its response', async () => {
  const sockets = await openIdle(system.api.url, 2000);
  await system.api.publish(`${system.receiver.url}/beside-idle`);
  await eventually(() => system.receiver.at('/beside-idle').length === 1);
  for (const socket of sockets) socket.destroy();
});

test('an API without file descriptors serves the connections that it has, and recovers', async () => {
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const limited = spawn('sh', ['-c', 'ulimit -n 150; exec "$@"', 'sh', process.execPath, 'apps/api/dist/main.js'], {
    env: { PATH: process.env['PATH'], REDIS_URL: system.redis.url, PORT: String(port), QSTASH_TOKEN: testToken },
    stdio: 'ignore',
  });
  try {
    await eventually(async () => (await fetch(`${url}/ready`).catch(() => undefined))?.ok);
    const kept = connect(port, '127.0.0.1');
    kept.on('error', () => undefined);
    await once(kept, 'connect');
    const sockets = await openIdle(url, 300);

    const read = once(kept, 'data');
    kept.write(`GET /v2/queues HTTP/1.1\r\nHost: x\r\n${authorization}\r\n`);
    expect(String((await read)[0])).toMatch(/^HTTP\/1\.1 200 /);

    for (const socket of [kept, ...sockets]) socket.destroy();
    await eventually(async () => (await fetch(`${url}/ready`).catch(() => undefined))?.ok);
    expect(limited.exitCode).toBeNull();
  } finally {
    limited.kill('SIGKILL');
  }
});

async function openIdle(url: string, count: number): Promise<Socket[]> {
  const { hostname, port } = new URL(url);
  return Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connect(Number(port), hostname);
      socket.on('error', () => undefined);
      await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
      return socket;
    }),
  );
}

describe('a compressed body', () => {
  const zipped = gzipSync(JSON.stringify([{ destination: 'https://example.com' }]));

  test.each(['/v2/batch', '/v2/topics/g/endpoints', '/v2/queues'])('is refused by %s, which reads it', async (path) => {
    for (const encoding of ['gzip', 'br', 'gzip, gzip']) {
      const headers = { 'Content-Encoding': encoding };
      const response = await system.api.call(path, { method: 'POST', headers, body: zipped });
      expect(response.status).toBe(415);
      expect(await response.json()).toEqual({ error: expect.stringContaining('Content-Encoding') as string });
    }
  });

  test('is a body like any other for a publish: the bytes arrive as they were sent', async () => {
    await system.api.publish(`${system.receiver.url}/zipped`, {
      headers: { 'Content-Encoding': 'gzip', 'Upstash-Forward-Content-Encoding': 'gzip' },
      body: zipped,
    });
    const received = await system.receiver.first('/zipped');
    expect(received.body.equals(zipped)).toBe(true);
    expect(received.headers['content-encoding']).toBe('gzip');
  });
});

describe('JSON that is nested 100,000 times', () => {
  const deep = '['.repeat(100_000) + ']'.repeat(100_000);

  test.each([
    ['/v2/batch', `[{"destination":"https://example.com","body":${deep}}]`],
    ['/v2/batch', deep],
    ['/v2/batch', `[{"destination":"https://example.com","headers":${deep}}]`],
    ['/v2/topics/g/endpoints', `{"endpoints":${deep}}`],
    ['/v2/queues', `{"queueName":${deep}}`],
    ['/v2/topics/g/endpoints', deep],
  ])('is refused by %s', async (path, body) => {
    const response = await system.api.call(path, { method: 'POST', body });
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ error: expect.any(String) as string });
  });

  test('is a body like any other for a publish', async () => {
    await system.api.publish(`${system.receiver.url}/deep`, { body: deep });
    const received = await system.receiver.first('/deep');
    expect(received.body.toString()).toBe(deep);
  });
});

describe.each(['__proto__', 'constructor', 'prototype', 'toString'])('the name %s', (name) => {
  test('is a name like any other for headers, labels, queues, groups and keys', async () => {
    const path = `/named-${name}`;
    const messageId = await system.api.publish(system.receiver.url + path, {
      headers: {
        [`Upstash-Forward-${name}`]: 'x',
        'Upstash-Label': name,
        'Upstash-Flow-Control-Key': name,
        'Upstash-Flow-Control-Value': 'parallelism=1',
        'Upstash-Delay': '1h',
      },
    });
    const message = await (await system.api.call(`/v2/messages/${messageId}`)).text();
    expect(message).toContain(`"label":"${name}"`);

    const post = (target: string, body: string) => system.api.call(target, { method: 'POST', body });
    expect((await post('/v2/queues', `{"queueName":"${name}","parallelism":2}`)).status).toBe(200);
    expect(await system.api.read(`/v2/queues/${name}`)).toMatchObject({ name, parallelism: 2 });
    const url = `${system.receiver.url}/group-${name}`;
    expect((await post(`/v2/topics/${name}/endpoints`, `{"endpoints":[{"url":"${url}"}]}`)).status).toBe(200);
    expect((await post(`/v2/publish/${name}`, '')).status).toBe(200);
    await eventually(() => system.receiver.at(`/group-${name}`).length === 1);
  });

  test('as a key of JSON changes no object', async () => {
    const body = `[{"destination":"${system.receiver.url}/json-${name}","${name}":{"polluted":true},"headers":{"${name}":"x"}}]`;
    const response = await system.api.call('/v2/batch', { method: 'POST', body });
    expect([200, 400]).toContain(response.status);
    expect((await fetch(`${system.api.url}/ready`)).status).toBe(200);
    expect(await (await system.api.call('/v2/queues')).text()).not.toContain('polluted');
  });
});
