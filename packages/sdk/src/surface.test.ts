import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import type { AddressInfo } from 'node:net';
import { Client as OfficialClient } from '@upstash/qstash';
import { endpoints } from '@posthorn/shared';
import { Client } from './index.ts';
import { rows } from './surface.fixture.ts';

interface Recorded {
  line: string;
  headers: IncomingHttpHeaders;
  body: string;
}

let server: Server;
let baseUrl: string;
let reply = '';
let recorded: Recorded[] = [];
beforeAll(async () => {
  server = createServer((request, response) => {
    void buffer(request).then((body) => {
      recorded.push({ line: `${request.method} ${request.url}`, headers: request.headers, body: body.toString() });
      response.end(reply);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());
beforeEach(() => (recorded = []));

const config = () => ({ baseUrl: `${baseUrl}/`, token: 'token', headers: { 'X-Global': 'g' } });
const writeReply = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value ?? {}));

describe('every call sends what the contract says and gives back what it promises', () => {
  test.each(rows)('$name', async (row) => {
    reply = writeReply(row.reply);
    const result = await row.call(new Client({ ...config(), enableTelemetry: false }));
    expect(recorded).toHaveLength(1);
    const [request] = recorded;
    expect(sortQuery(request?.line ?? '')).toBe(sortQuery(row.request));
    expect(request?.headers).toMatchObject(row.headers ?? {});
    for (const name of row.without ?? []) expect(request?.headers).not.toHaveProperty([name]);
    const body = request?.body ?? '';
    if (typeof row.body === 'object') expect(JSON.parse(body)).toEqual(row.body);
    else expect(body).toBe(row.body ?? '');
    if (row.result !== undefined) expect(result).toEqual(row.result);
  });
});

describe('the official client sends the same', () => {
  beforeAll(() => {
    jest.spyOn(console, 'warn').mockImplementation();
    jest.spyOn(console, 'error').mockImplementation();
  });
  afterAll(() => jest.restoreAllMocks());

  test.each(rows.filter(({ differs }) => !differs))('$name', async (row) => {
    reply = writeReply(row.reply);
    const ours = await row.call(new Client(config()));
    const theirs = await row.call(new OfficialClient(config()) as unknown as Client);
    const [our, their] = recorded;
    expect(simplify(our)).toEqual(simplify(their));
    expect(withoutUndefined(ours)).toEqual(withoutUndefined(theirs));
  });

  test.each(rows.filter(({ differs }) => differs))('not: $name ($differs)', async (row) => {
    reply = writeReply(row.reply);
    await row.call(new Client(config()));
    const [our] = recorded.splice(0);
    const client = new OfficialClient({ ...config(), retry: false }) as unknown as Client;
    await Promise.resolve()
      .then(() => row.call(client))
      .catch(() => undefined);
    expect(simplify(recorded[0])).not.toEqual(simplify(our));
  });
});

test('every endpoint of the contract has a call', () => {
  const missing = endpoints
    .filter(({ method, path, scope }) => {
      const pattern = new RegExp(`^${method} ${path.replace(/:\w+/g, '[^/?]+').replace(/\*\w+/g, '.+')}(\\?.*)?$`);
      return scope !== 'none' && !rows.some(({ request }) => pattern.test(request));
    })
    .map(({ method, path }) => `${method} ${path}`);
  // Each is another name of one that has a call.
  const others = [
    'GET /v2/logs',
    'POST /v2/dlq/retry/:dlqId',
    'POST /v2/flowControl/:key/reset',
    'POST /v2/schedules/:scheduleId/pause',
    'POST /v2/schedules/:scheduleId/resume',
    'GET /v2/workflows/events',
    'POST /v2/batch/trigger',
    'POST /v2/workflows/dlq/restart',
    'POST /v2/workflows/dlq/resume',
  ];
  // The endpoints of workflows call these, and the official client of workflows.
  const ofWorkflows = [
    'DELETE /v2/workflows/runs/:workflowRunId',
    'GET /v2/workflows/dlq/:dlqId',
    'GET /v2/workflows/runs/:workflowRunId',
    'POST /v2/wait/*eventId',
  ];
  expect(missing.toSorted()).toEqual([...others, ...ofWorkflows].toSorted());
});

/** The order of parameters means nothing, except among those of one name. */
function sortQuery(line: string): string {
  const [path = '', query] = line.split('?', 2);
  if (!query || path.includes('//')) return line;
  const parameters = [...new URLSearchParams(query)];
  return `${path}?${String(new URLSearchParams(parameters.toSorted(([a], [b]) => a.localeCompare(b))))}`;
}

function simplify(request: Recorded | undefined): unknown {
  if (!request) return undefined;
  // The length follows from the body, in which each names itself.
  const {
    headers: { 'content-length': _, ...headers },
    body,
    line,
  } = request;
  const version = /(posthorn-sdk|upstash-qstash-js)@v?[\d.]+/g;
  return {
    line: sortQuery(line),
    headers: JSON.parse(JSON.stringify(headers).replace(version, 'sdk')) as unknown,
    body: body.replace(version, 'sdk'),
  };
}

function withoutUndefined(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}
