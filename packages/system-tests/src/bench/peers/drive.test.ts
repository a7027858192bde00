import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseAdapter } from './adapter.ts';
import { listenForArrivals } from './arrivals.ts';
import { drive } from './drive.ts';

const servers: Server[] = [];
const urlOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const listen = async (server: Server) => {
  servers.push(server);
  if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening');
  return urlOf(server);
};
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

/** A system that delivers each message as often as `times` says of its number, in the order of publishing. */
function createPeer(times: (n: number) => number): Server {
  let count = 0;
  return createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { to, id } = JSON.parse(Buffer.concat(chunks).toString()) as { to: string; id: string };
      response.writeHead(202).end();
      const n = count++;
      const deliver = () => fetch(to, { method: 'POST', headers: { 'X-Id': id } }).catch(() => undefined);
      for (let turn = 0; turn < times(n); turn++) void deliver();
    });
  });
}

const adapterFor = (url: string) =>
  parseAdapter(
    {
      name: 'peer',
      publish: { url: `${url}/send`, body: { to: '{destination}hook', id: '{id}' } },
      processes: { all: process.pid },
    },
    'of a test',
  );

const messages = 20;
/** The message that is tried first, and those that warm up. */
const before = 1 + messages;

test('arrivals are counted by their ids, in a header here', async () => {
  const receiver = await listen(await listenForArrivals(0));
  const peer = await listen(createPeer(() => 1));
  const report = await drive(adapterFor(peer), receiver, { messages, inFlight: 4 });
  expect(report).toMatchObject({ name: 'peer', messages, inFlight: 4, lost: 0, duplicates: 0 });
  expect(Object.keys(report.cpuUs)).toEqual(['all']);
  expect(report.perSecond).toBeGreaterThan(0);
  expect(report.publishMs.p50).toBeGreaterThan(0);
  expect(report.arrivalMs.p99).toBeGreaterThanOrEqual(report.arrivalMs.p50);
});

test('messages that do not arrive are lost, and those that arrive again are duplicates', async () => {
  const receiver = await listen(await listenForArrivals(0));
  const peer = await listen(createPeer((n) => (n === before + 3 ? 0 : n === before + 7 ? 3 : 1)));
  const report = await drive(adapterFor(peer), receiver, { messages, inFlight: 4, patienceMs: 500 });
  expect(report).toMatchObject({ lost: 1, duplicates: 2 });
});

test('a system that delivers nothing is told from one that loses messages', async () => {
  const receiver = await listen(await listenForArrivals(0));
  const peer = await listen(createPeer(() => 0));
  const run = drive(adapterFor(peer), receiver, { messages, inFlight: 4, patienceMs: 100 });
  await expect(run).rejects.toThrow('no request with its id came to');
});

test('a publish that is refused ends the run with the response', async () => {
  const receiver = await listen(await listenForArrivals(0));
  const peer = await listen(createServer((_, response) => response.writeHead(401).end('no such token')));
  const run = drive(adapterFor(peer), receiver, { messages, inFlight: 4 });
  await expect(run).rejects.toThrow('peer answered a publish with 401: no such token');
});

test('a process that does not run is named', async () => {
  const receiver = await listen(await listenForArrivals(0));
  const peer = await listen(createPeer(() => 1));
  const adapter = { ...adapterFor(peer), processes: { database: 'no-such-process' } };
  const run = drive(adapter, receiver, { messages, inFlight: 4 });
  await expect(run).rejects.toThrow('processes.database: no process no-such-process runs');
});
