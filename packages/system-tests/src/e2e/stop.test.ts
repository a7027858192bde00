import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { eventually, startApi, startRedis, testToken, type TestApi, type TestRedis } from '@posthorn/testkit';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

/** A connection, and all that has come over it. */
async function open(url: string): Promise<{ socket: Socket; text: () => string; closed: Promise<unknown> }> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let text = '';
  socket.on('data', (data) => (text += data.toString('latin1')));
  socket.on('error', () => undefined);
  const closed = once(socket, 'close');
  await once(socket, 'connect');
  return { socket, text: () => text, closed };
}

const head = (path: string, ...headers: string[]) =>
  [`POST ${path} HTTP/1.1`, 'Host: x', `Authorization: Bearer ${testToken}`, ...headers, '', ''].join('\r\n');
const destination = '/v2/publish/https://example.com/x';

async function untilStopping(api: TestApi): Promise<void> {
  await eventually(() =>
    fetch(`${api.url}/health`).then(
      () => false,
      () => true,
    ),
  );
}

test('an API that stops answers what it has read, says that the connection ends, and ends at once', async () => {
  const api = await startApi(redis.url, { SHUTDOWN_GRACE_SECONDS: '60' });
  const idle = await open(api.url);
  idle.socket.write(head(destination, 'Content-Length: 2') + '{}');
  await eventually(() => idle.text().includes('messageId'));
  const [busy, pipelining] = await Promise.all([open(api.url), open(api.url)]);
  for (const { socket, text } of [busy, pipelining]) {
    socket.write(head(destination, 'Content-Length: 2', 'Expect: 100-continue'));
    // The API has read the headers.
    await eventually(() => text().includes('100 Continue'));
  }

  const startedAt = performance.now();
  api.kill('SIGTERM');
  await untilStopping(api);
  await idle.closed;
  busy.socket.write('{}');
  await busy.closed;
  expect(busy.text()).toMatch(/HTTP\/1\.1 200 OK[^]*Connection: close[^]*messageId/);
  // Two requests at once: neither is cut by the response to the other.
  pipelining.socket.write('{}' + head(destination, 'Content-Length: 2') + '{}');
  await pipelining.closed;
  expect(pipelining.text().match(/HTTP\/1\.1 200 /g)).toHaveLength(2);
  expect(pipelining.text().match(/messageId/g)).toHaveLength(2);
  expect(await api.exited).toBe(0);
  // Not after the grace time, which is for those who do not end.
  expect(performance.now() - startedAt).toBeLessThan(60_000);
}, 90_000);
