import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { isGone, onGone } from './on-gone.ts';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** Sends requests over one connection at once, and gives their responses, of which none has been written yet. */
async function request(count: number) {
  const responses: ServerResponse[] = [];
  server = createServer((_request, response) => void responses.push(response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(count));
  while (responses.length < count) await new Promise((resolve) => setImmediate(resolve));
  return { client, responses };
}

test('the end of a response is reported once', async () => {
  const { client, responses } = await request(1);
  const [response] = responses as [ServerResponse];
  let calls = 0;
  const told = new Promise<void>((resolve) => {
    onGone(response, () => {
      calls += 1;
      resolve();
    });
  });
  response.end('x');
  await told;
  const closed = new Promise((resolve) => response.req.socket.once('close', resolve));
  client.destroy();
  await closed;
  expect(calls).toBe(1);
});

test('the end of a response that waits for another one is reported when their connection closes', async () => {
  const { client, responses } = await request(2);
  const [, waiting] = responses as [ServerResponse, ServerResponse];
  const told = new Promise<void>((resolve) => void onGone(waiting, resolve));
  expect(isGone(waiting)).toBe(false);
  client.destroy();
  await told;
  expect(isGone(waiting)).toBe(true);
});

test('the end of a connection in the middle of a response is reported once', async () => {
  const { client, responses } = await request(1);
  const [response] = responses as [ServerResponse];
  response.write('x');
  let calls = 0;
  onGone(response, () => (calls += 1));
  const closed = new Promise((resolve) => response.req.socket.once('close', () => setImmediate(resolve)));
  client.destroy();
  await closed;
  expect(calls).toBe(1);
});
