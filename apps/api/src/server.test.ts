import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import express from 'express';
import { createServer, type ApiServer } from './server.ts';

let api: ApiServer;
const handled: string[] = [];

beforeAll(async () => {
  const app = express();
  app.use(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    // The response comes behind the end of what the client sends, unless it is wanted now.
    if (!request.path.startsWith('/now') && !request.socket.readableEnded) await once(request.socket, 'end');
    handled.push(request.path);
    response.json({ path: request.path, body });
  });
  app.use(((_error, _request, _response, _next) => undefined) as express.ErrorRequestHandler);
  api = createServer(app);
  api.server.listen(0, '127.0.0.1');
  await once(api.server, 'listening');
});
afterAll(() => api.stop());
beforeEach(() => {
  handled.length = 0;
});

/** Sends bytes, closes the sending side, and gives all that comes back until the server closes, too. */
async function sendAndClose(...pieces: string[]): Promise<string> {
  const { port } = api.server.address() as AddressInfo;
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let answer = '';
  socket.on('data', (data: Buffer) => (answer += data.toString()));
  for (const piece of pieces) await new Promise((resolve) => socket.write(piece, resolve));
  socket.end();
  await once(socket, 'end');
  socket.destroy();
  return answer;
}

const statuses = (answer: string) => [...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));
const post = (path: string, body: string) =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

describe('a client that closes its sending side behind its request', () => {
  test.each([
    ['a GET', get('/a'), '{"path":"/a","body":""}'],
    ['a POST with a length', post('/b', 'hi'), '{"path":"/b","body":"hi"}'],
    [
      'a POST in chunks',
      'POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n',
      '{"path":"/c","body":"hi"}',
    ],
    ['HTTP/1.0', 'GET /d HTTP/1.0\r\n\r\n', '{"path":"/d","body":""}'],
  ])('gets its response to %s, and the connection ends', async (_, request, body) => {
    const answer = await sendAndClose(request);
    expect(statuses(answer)).toEqual([200]);
    expect(answer).toContain(body);
  });

  test('gets the responses to all requests of a pipeline, in their order', async () => {
    const answer = await sendAndClose(get('/1') + post('/2', 'two'), get('/3'));
    expect([...answer.matchAll(/"path":"(\/\d)"/g)].map(([, path]) => path)).toEqual(['/1', '/2', '/3']);
  });

  test('gets no response to what stands behind the last request of a connection, and nothing is done', async () => {
    const last = 'GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
    expect(statuses(await sendAndClose(last + post('/behind', 'hi')))).toEqual([200]);
    expect(handled).toEqual(['/last']);
  });

  test('gets its response before the one about what it sent behind', async () => {
    expect(statuses(await sendAndClose(post('/now', 'hi') + 'NO HTTP\r\n\r\n'))).toEqual([200, 400]);
    expect(statuses(await sendAndClose(get('/now1') + get('/now2') + get('/größe')))).toEqual([200, 200, 400]);
    expect(handled).toEqual(['/now', '/now1', '/now2']);
  });

  test('before the end of a body has sent no request', async () => {
    expect(statuses(await sendAndClose('POST /cut HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhi'))).toEqual([400]);
    expect(handled).toEqual([]);
  });

  test('is told what is wrong with its target', async () => {
    expect(await sendAndClose(get('/v2/publish/http://h/größe'))).toContain('must be percent-encoded');
  });

  test('without a request is closed without a response', async () => {
    expect(await sendAndClose('')).toBe('');
  });
});

test('a connection that stays open is kept for further requests', async () => {
  const { port } = api.server.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1');
  for (const body of ['1', '2', '3']) {
    socket.write(post('/now', body));
    const [data] = (await once(socket, 'data')) as [Buffer];
    expect(data.toString()).toContain(`{"path":"/now","body":"${body}"}`);
  }
  const closed = once(socket, 'close');
  socket.end();
  await closed;
});
