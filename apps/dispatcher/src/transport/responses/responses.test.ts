import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createDestinationGuard } from '@posthorn/broker';
import type { DestinationResponse } from '@posthorn/shared';
import { createResponseReader, type Response } from '../response-reader.ts';
import { createSender } from '../send.ts';

/** One response, byte by byte as it is sent, and what is made of it. */
interface Row {
  name: string;
  /** Each character is a byte; a pair is a text and how often it comes. */
  wire: string | (string | [string, number])[];
  /** What becomes of the connection then. */
  then: 'stays' | 'closes' | 'resets';
  /** Status, exit code and body, written by ask-curl.mjs (curl 7.88.1). */
  curl: string;
  /** Status, why the attempt failed, and body. A status other than 2xx is a failure of its own. */
  posthorn: string;
  /** Whether the next request to the same origin takes the same connection. */
  reuses: boolean;
}

const rows = JSON.parse(readFileSync(join(__dirname, 'table.json'), 'utf8')) as Row[];
const guard = createDestinationGuard({ allowPrivate: true, allow: [], deny: [], own: () => [] });

function readWire({ wire }: Row): Buffer {
  const parts = Array.isArray(wire) ? wire : [wire];
  return Buffer.from(
    parts.map((part) => (typeof part === 'string' ? part : part[0].repeat(part[1]))).join(''),
    'latin1',
  );
}

const describeAnswer = (status: number, error: string | undefined, body: Uint8Array): string => {
  return `${status}${error === undefined ? '' : ` (${error})`} ${JSON.stringify(Buffer.from(body).toString('latin1'))}`;
};

const servers: Server[] = [];
afterAll(() => servers.forEach((server) => server.close()));

async function serve(
  row: Row,
  pieces: (wire: Buffer) => Buffer[],
): Promise<{ url: string; connections: () => number }> {
  let connections = 0;
  const answer = async (socket: Socket) => {
    for (const piece of pieces(readWire(row))) {
      socket.write(piece);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    if (row.then === 'closes') socket.end();
    if (row.then === 'resets') setTimeout(() => socket.resetAndDestroy(), 20);
  };
  const server = createServer((socket) => {
    connections++;
    socket.setNoDelay(true).on('error', () => undefined);
    socket.on('data', () => void answer(socket));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, connections: () => connections };
}

function createTestSender() {
  const sender = createSender({ guard, connectTimeoutMs: 2000, maxResponseBytes: 100_000 });
  return (url: string): Promise<DestinationResponse> =>
    sender.send({ url, method: 'POST', header: [], body: 'x', timeoutMs: 5000, keepSuccessBody: true });
}

test.each(rows)('$name: $posthorn', async (row) => {
  const { url, connections } = await serve(row, (wire) => [wire]);
  const send = createTestSender();
  for (const count of [1, 2]) {
    const response = await send(url);
    expect(describeAnswer(response.status, response.error, response.body)).toBe(row.posthorn);
    expect(response.errorKind).toBe(response.error === undefined ? undefined : 'protocol');
    expect(connections()).toBe(row.reuses ? 1 : count);
  }
});

test.each(rows.filter((row) => readWire(row).length > 20))('$name, in two pieces', async (row) => {
  const { url } = await serve(row, (wire) => [wire.subarray(0, wire.length - 4), wire.subarray(wire.length - 4)]);
  const response = await createTestSender()(url);
  expect(describeAnswer(response.status, response.error, response.body)).toBe(row.posthorn);
});

test('a success of curl is no failure here, unless the table says why', () => {
  const isSuccess = (text: string) => /^2\d\d "/.test(text);
  const exceptions = rows.filter(({ curl, posthorn }) => isSuccess(curl) && !isSuccess(posthorn));
  expect(exceptions.map(({ name }) => name).sort()).toEqual(
    ['two lengths in a list', 'a length that no number holds', 'a header of 70 kB', 'a status line alone'].sort(),
  );
  expect(rows.length).toBeGreaterThanOrEqual(60);
});

test('however the bytes are cut into pieces, the response is the same', () => {
  const read = (row: Row, wire: Buffer, cuts: number[]): string => {
    const reader = createResponseReader({ maxBodyBytes: 100_000, keepSuccess: true });
    let response: Response | undefined;
    let start = 0;
    for (const cut of [...cuts, wire.length]) {
      if (cut > start) response ??= reader.read(wire.subarray(start, cut));
      start = cut;
    }
    if (row.then !== 'stays') response ??= reader.close(row.then === 'resets');
    return response ? describeAnswer(response.status, response.error, Buffer.concat(response.body)) : 'not over';
  };
  for (const row of rows) {
    const wire = readWire(row);
    if (wire.length > 2000) continue;
    const bytes = Array.from({ length: wire.length }, (_, index) => index);
    // What is refused at once shows how much had come.
    const expected = row.posthorn.replace(/ it starts with .*/, '');
    const cuts = [[], bytes, ...bytes.map((at) => [at])];
    for (const cut of cuts) expect(read(row, wire, cut).replace(/ it starts with .*/, '')).toBe(expected);
  }
});
