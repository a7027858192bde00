import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import type { Broker } from '@posthorn/broker';
import { PosthornError } from '@posthorn/shared';
import express from 'express';
import type { Config } from '../config.ts';
import { authenticate } from '../middleware/authenticate.ts';
import { handleErrors } from '../middleware/handle-errors.ts';
import type { AppParts } from '../app-parts.ts';
import { createGate } from './gate.ts';
import { createPageRoute } from './page-route.ts';
import { workflowRoutes } from './workflows.ts';

let server: Server;
/** Whether a run takes calls of webhooks, and what it got. */
const run = {
  takes: true,
  received: [] as Buffer[],
  notified: 0,
  waits: [] as unknown[],
  ends: [] as string[],
  log: async function* (): AsyncGenerator<Buffer> {
    yield Buffer.from('[]');
  },
};
const webhooks = {
  takesWebhook: async () => run.takes,
  receiveWebhook: async (_run: string, _event: string, data: Buffer) => run.received.push(data) > 0,
};
const workflows = {
  ...webhooks,
  notify: async () => ((run.notified += 1), []),
  wait: async (_event: string, _headers: unknown, json: unknown) => void run.waits.push(json),
  finish: async (_run: string, result: string) => run.ends.push(result) > 0,
  cancel: async () => run.ends.push('canceled'),
  readLog: async () => run.log(),
};

beforeEach(async () => {
  Object.assign(run, { takes: true, received: [], notified: 0, waits: [], ends: [] });
  Object.assign(workflows, webhooks);
  const reads = { list: createPageRoute({ atOnce: 1, waiting: 1 }), logs: createGate({ atOnce: 10, waiting: 0 }) };
  const config = { maxMessageBytes: 10 * 1024 * 1024 } as Config;
  const table = workflowRoutes({ workflows } as unknown as Broker, reads, config, new Set(['user']));
  const app = express();
  const add = (isPublic: boolean) => {
    for (const { endpoint, method, path, handle } of table)
      if ((endpoint.scope === 'none') === isPublic) app[method](path, handle);
  };
  add(true);
  app.use(authenticate(['a-token-of-this-test'], undefined));
  add(false);
  const log = { error: () => undefined, warn: () => undefined } as unknown as AppParts['log'];
  app.use(handleErrors(log));
  server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
  server.closeAllConnections();
  server.close();
});

/** Sends the beginning of a call of a webhook, and gives the status line when it comes. */
function call(announcedBytes: number, sentBytes: number, run = 'wfr_1'): { socket: Socket; answer: Promise<string> } {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => undefined);
  const answer = new Promise<string>((resolve) => {
    socket.once('data', (data: Buffer) => resolve(data.toString('latin1').split('\r\n')[0] ?? ''));
  });
  socket.write(
    `POST /v2/workflows/hooks/user/${run}/event HTTP/1.1\r\nHost: a\r\nContent-Length: ${announcedBytes}\r\n\r\n`,
  );
  socket.write(Buffer.alloc(sentBytes));
  return { socket, answer };
}

const post = (path: string, body: string) =>
  fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, {
    method: 'POST',
    headers: { authorization: 'Bearer a-token-of-this-test' },
    body,
  });

describe('a call of a webhook', () => {
  test('reaches its run', async () => {
    expect(await call(1000, 1000).answer).toBe('HTTP/1.1 200 OK');
    expect(run.received).toHaveLength(1);
  });

  test('is none if it is a HEAD: link previews and probes send those', async () => {
    const asked = jest.spyOn(workflows, 'takesWebhook');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v2/workflows/hooks/user/wfr_1/event`;
    const response = await fetch(url, { method: 'HEAD' });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'DELETE, GET, PATCH, POST, PUT']);
    expect(asked).not.toHaveBeenCalled();
    expect(run.received).toEqual([]);
    expect((await fetch(url)).status).toBe(200);
    expect(run.received).toHaveLength(1);
  });

  test('is refused before its body has come when no run takes it', async () => {
    run.takes = false;
    expect(await call(900_000, 0).answer).toBe('HTTP/1.1 404 Not Found');
  });

  test('waits while Redis looks for the runs of others, and too many are refused', async () => {
    // A busy machine may take longer to connect them all than Redis has for its reply.
    jest.useFakeTimers({ doNotFake: ['Date', 'nextTick', 'performance', 'queueMicrotask', 'setImmediate'] });
    let asked = 0;
    const ends: (() => void)[] = [];
    workflows.takesWebhook = async () => {
      asked++;
      return new Promise((resolve) => ends.push(() => resolve(false)));
    };
    const answers = Array.from({ length: 1021 }, () => call(10, 0).answer);
    expect(await Promise.race(answers)).toBe('HTTP/1.1 429 Too Many Requests');
    expect(asked).toBe(20);
    workflows.takesWebhook = async () => false;
    for (const end of ends) end();
    const statuses = await Promise.all(answers);
    expect(statuses.filter((status) => status === 'HTTP/1.1 404 Not Found')).toHaveLength(1020);
  });

  test('is refused before its body has come when it is too large', async () => {
    expect(await call(1024 * 1024 + 1, 0).answer).toBe('HTTP/1.1 413 Payload Too Large');
    expect(run.received).toEqual([]);
  });

  test('is refused when others hold all bytes, and other requests are not', async () => {
    const calls = Array.from({ length: 40 }, () => call(1_000_000, 900_000));
    expect(await Promise.race(calls.map(({ answer }) => answer))).toBe('HTTP/1.1 503 Service Unavailable');
    expect((await post('/v2/notify/event', 'x'.repeat(1024 * 1024))).status).toBe(201);
    expect(run.notified).toBe(1);
    for (const { socket } of calls) socket.destroy();
    // What they held is free again.
    for (;;) if ((await call(900_000, 900_000).answer) === 'HTTP/1.1 200 OK') break;
  });

  test('that waits behind another one on a connection that closes holds nothing any more', async () => {
    const never = new Promise<boolean>(() => undefined);
    workflows.receiveWebhook = async (_run, _event, data) => {
      run.received.push(data);
      return never;
    };
    // The first call is not answered, so that the responses to the others wait. Twice: both rounds have room for one only.
    for (const round of [1, 2]) {
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
      const head = 'POST /v2/workflows/hooks/user/wfr_1/event HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n';
      for (let n = 0; n < 30; n++) {
        socket.write(head);
        socket.write(Buffer.alloc(1_000_000));
      }
      while (run.received.length < 30 * round) await new Promise((resolve) => setImmediate(resolve));
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.destroy();
      await closed;
      // The server has noticed it, too.
      const count = () => new Promise<number>((resolve) => server.getConnections((_, open) => resolve(open)));
      while ((await count()) > 0) await new Promise((resolve) => setImmediate(resolve));
    }
  });
});

describe('a wait', () => {
  test.each<[string, string, number]>([
    ['JSON', '{"a":1}', 201],
    ['many commas in a text', JSON.stringify({ timeoutBody: ','.repeat(50_000) }), 201],
    ['too many values', JSON.stringify(Array.from({ length: 20_000 }, () => 0)), 412],
    ['too many bytes', JSON.stringify({ timeoutBody: 'x'.repeat(2_000_000) }), 412],
    ['no JSON', '{', 412],
    ['nothing', '', 412],
  ])('with %s', async (_, body, status) => {
    expect((await post('/v2/wait/event', body)).status).toBe(status);
    expect(run.waits).toHaveLength(status === 201 ? 1 : 0);
  });
});

describe('the end of a run', () => {
  const end = (query: string, body = 'result') =>
    fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v2/workflows/runs/wfr_1${query}`, {
      method: 'DELETE',
      headers: { authorization: 'Bearer a-token-of-this-test' },
      body,
    });

  test.each([
    ['', 'canceled'],
    ['?cancel=true', 'canceled'],
    ['?cancel=false', 'result'],
  ])('with the query "%s"', async (query, result) => {
    expect((await end(query)).status).toBe(200);
    expect(run.ends).toEqual([result]);
  });

  test.each(['cancel=False', 'cancel=', 'cancel=no', 'cancel=false&cancel=false'])(
    'with the query "%s" is refused, and cancels nothing',
    async (query) => {
      const response = await end(`?${query}`);
      expect([response.status, await response.json()]).toEqual([400, { error: 'cancel: use true or false, once' }]);
      expect(run.ends).toEqual([]);
    },
  );

  test.each([0, 1, 2, 3])(
    'keeps the beginning of a result that is too large, cut between characters (%i)',
    async (n) => {
      const maxBytes = 10 * 1024 * 1024;
      const text = 'x'.repeat(n) + '😀'.repeat(maxBytes / 4);
      expect((await end('?cancel=false', `${text}${'y'.repeat(2 * maxBytes)}`)).status).toBe(200);
      // No comparison of texts of 10 MiB in a report.
      expect(
        run.ends.map((result) => result === 'x'.repeat(n) + '😀'.repeat(n > 0 ? maxBytes / 4 - 1 : maxBytes / 4)),
      ).toEqual([true]);
    },
  );
});

describe('the step log of a run', () => {
  const path = '/v2/workflows/runs/wfr_1';
  const port = () => (server.address() as AddressInfo).port;
  const read = () =>
    fetch(`http://127.0.0.1:${port()}${path}`, { headers: { authorization: 'Bearer a-token-of-this-test' } });
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  test('is sent in the pieces in which it is read', async () => {
    run.log = async function* () {
      for (const text of ['[1', ',2', ']']) yield Buffer.from(text);
    };
    const response = await read();
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(await response.json()).toEqual([1, 2]);
  });

  test('that is removed before its first piece is answered with 404; later its connection ends', async () => {
    const failing = (pieces: number) =>
      async function* () {
        for (let n = 0; n < pieces; n++) yield Buffer.alloc(100_000, ' ');
        throw new PosthornError('not_found', 'it was removed');
      };
    run.log = failing(0);
    const response = await read();
    expect([response.status, await response.json()]).toEqual([404, { error: 'it was removed' }]);
    run.log = failing(1);
    await expect(read().then((begun) => begun.text())).rejects.toThrow();
  });

  test('is sent to few clients at a time; further ones are answered with 429', async () => {
    let reading = 0;
    let goOn: () => void = () => undefined;
    const gone = new Promise<void>((resolve) => (goOn = resolve));
    run.log = async function* () {
      reading += 1;
      await gone;
      yield Buffer.from('[]');
    };
    const first = Array.from({ length: 10 }, read);
    while (reading < 10) await turn();
    expect((await read()).status).toBe(429);
    goOn();
    expect((await Promise.all(first)).map(({ status }) => status)).toEqual(first.map(() => 200));
    await expect(read().then((response) => response.status)).resolves.toBe(200);
  });

  test('counts among the responses that clients do not take: the connection of the oldest is closed', async () => {
    run.log = async function* () {
      yield Buffer.alloc(60_000_000, ' ');
      yield Buffer.from('[]');
    };
    const closed: number[] = [];
    let opened = 0;
    server.on('connection', (socket) => {
      const index = opened++;
      socket.once('close', () => closed.push(index));
    });
    // Four of them are less than 256 MiB.
    for (let n = 0; n < 6; n++) {
      const client = connect(port(), '127.0.0.1');
      client.on('error', () => undefined);
      await once(client, 'connect');
      client.write(`GET ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a-token-of-this-test\r\n\r\n`);
      // Its log is being written when the first bytes have come.
      await once(client, 'readable');
    }
    while (closed.length < 2) await turn();
    expect(closed).toEqual([0, 1]);
  });
});
