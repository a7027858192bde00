import { once } from 'node:events';
import { Agent, createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAcceptFirst } from './accept-first.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('new connections are accepted before the requests of others are handled', async () => {
  const acceptFirst = createAcceptFirst();
  let accepted = 0;
  const acceptedBefore: number[] = [];
  const server = createServer((_request, response) => {
    acceptFirst.handle(() => {
      acceptedBefore.push(accepted);
      response.end();
    });
  });
  server.on('connection', () => {
    accepted++;
    acceptFirst.accepted();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const agent = new Agent();
  const clients = Array.from({ length: 50 }, async () => {
    const [response] = (await once(get({ port, host: '127.0.0.1', agent }), 'response')) as [NodeJS.ReadableStream];
    response.resume();
    await once(response, 'end');
  });
  await Promise.all(clients);
  // Without the rule each connection is accepted in the turn after the request of the one before.
  expect(acceptedBefore.slice(0, 40)).toEqual(Array.from({ length: 40 }, () => 50));
  server.close();
});

test('without new connections a request is handled at once', () => {
  const handle = jest.fn();
  createAcceptFirst().handle(handle);
  expect(handle).toHaveBeenCalledTimes(1);
});

test('requests wait for a turn without a new connection, and keep their order', async () => {
  const acceptFirst = createAcceptFirst();
  const handled: number[] = [];
  acceptFirst.accepted();
  acceptFirst.handle(() => handled.push(1));
  await turn();
  expect(handled).toEqual([]);
  acceptFirst.handle(() => handled.push(2));
  await turn();
  expect(handled).toEqual([1, 2]);
});

test('an endless stream of new connections stops no request', async () => {
  const acceptFirst = createAcceptFirst();
  const handle = jest.fn();
  acceptFirst.accepted();
  acceptFirst.handle(handle);
  for (let turns = 0; turns < 65 && handle.mock.calls.length === 0; turns++) {
    acceptFirst.accepted();
    await turn();
  }
  expect(handle).toHaveBeenCalledTimes(1);
});
