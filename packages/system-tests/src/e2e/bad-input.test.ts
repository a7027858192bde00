import {
  eventually,
  exchangeRaw,
  startApi,
  startDispatcher,
  startReceiver,
  startRedis,
  testToken,
  type RawReply,
  type Received,
  type Receiver,
  type TestApi,
  type TestProcess,
  type TestRedis,
} from '@posthorn/testkit';
import { writeRequest, type BadInput } from '../bad-input/bad-input.ts';
import { badInputs } from '../bad-input/cases.ts';

const reader = 'read-only-token-0123456789';
const password = 'redis-password-0123456789';
const variables = { QSTASH_READONLY_TOKEN: reader, MAX_BATCH_BYTES: String(1024 * 1024), BURST_RATE_LIMIT: '0' };

let redis: TestRedis;
let open: TestApi;
let guarded: TestApi;
let dispatcher: TestProcess;
let receiver: Receiver;
let secrets: string[];

beforeAll(async () => {
  redis = await startRedis();
  await redis.client.config('SET', 'requirepass', password);
  const url = redis.url.replace('//', `//:${password}@`);
  [open, guarded, dispatcher, receiver] = await Promise.all([
    startApi(url, { ...variables, LOG_LEVEL: 'debug' }),
    startApi(url, { ...variables, LOG_LEVEL: 'debug', ALLOW_PRIVATE_DESTINATIONS: 'false' }),
    startDispatcher(url, { LOG_LEVEL: 'debug' }),
    startReceiver(),
  ]);
  const keys = (await (await open.call('/v2/keys')).json()) as { current: string; next: string };
  secrets = [testToken, reader, password, keys.current, keys.next];
});
afterAll(async () => {
  await Promise.all([open.end('SIGKILL'), guarded.end('SIGKILL'), dispatcher.end('SIGKILL'), receiver.stop()]);
  await redis.stop();
});

const groups = Object.entries(badInputs);
const all = groups.flatMap(([, inputs]) => inputs);

/** What of every request goes to a place of its own: so it is known whose a delivery is. */
let places = 0;
const takePlace = () => `/${++places}`;

describe.each(groups)('%s', (_group, inputs) => {
  test.each(inputs)('$name: $status', async (input) => {
    const place = takePlace();
    const reply = await send(input, place);
    check(input, reply);
    await publishWell();
    if (input.arrives) await checkArrival(input, place);
    if (reply.status >= 400) refused.push(place);
  });
});

test('all of them again, fifty at a time: the same answers, and publishing goes on', async () => {
  const left = [...all];
  const work = async () => {
    for (let input = left.shift(); input; input = left.shift()) {
      check(input, await send(input, takePlace()));
      await publishWell();
    }
  };
  await Promise.all(Array.from({ length: 50 }, work));
});

test('what was refused has not been delivered', async () => {
  const last = takePlace();
  await open.publish(receiver.url + last);
  await eventually(() => receiver.at(last).length > 0);
  const arrived = receiver.requests.map(({ path }) => /^\/\d+/.exec(path)?.[0]);
  expect(refused.filter((place) => arrived.includes(place))).toEqual([]);
});

test('a second request on a connection has no rights of the first', async () => {
  const first = `POST /v2/publish/${receiver.url}/ok HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${testToken}\r\nContent-Length: 2\r\n\r\n{}`;
  const second = 'POST /v2/keys/rotate HTTP/1.1\r\nHost: x\r\n\r\n';
  const replies = await exchangeRaw(open.url, Buffer.from(first + second), { replies: 2 });
  expect(replies.map(({ status }) => status)).toEqual([200, 401]);
});

test('a header named __proto__ is a header like any other', async () => {
  const headers = { 'Upstash-Forward-__proto__': 'x', 'Upstash-Delay': '1h' };
  const messageId = await open.publish(`${receiver.url}/proto`, { headers });
  expect(await (await open.call(`/v2/messages/${messageId}`)).text()).toContain('"__proto__":["x"]');
});

test('the same processes live, and no log has a secret or a stack', async () => {
  for (const { url } of [open, guarded]) expect((await fetch(`${url}/ready`)).status).toBe(200);
  for (const started of [open, guarded, dispatcher]) {
    expect(await Promise.race([started.exited, Promise.resolve('lives')])).toBe('lives');
    expectHarmless(started.output());
  }
});

const refused: string[] = [];

async function send(input: BadInput, place: string): Promise<RawReply> {
  const request = writeRequest(input, { receiver: receiver.url + place, token: testToken, reader });
  const [reply] = await exchangeRaw(input.guarded ? guarded.url : open.url, request, { end: input.end ?? false });
  if (!reply) throw new Error(`${input.name}: the connection was closed without a response`);
  return reply;
}

function check({ name, method, status }: BadInput, reply: RawReply): void {
  if (![status].flat().includes(reply.status)) throw new Error(`${name}: ${reply.status} ${reply.body.slice(0, 500)}`);
  if (reply.status >= 400 && method !== 'HEAD') {
    expect(reply.headers['content-type']).toMatch(/^application\/json/);
    expect(JSON.parse(reply.body)).toEqual({ error: expect.stringMatching(/./) as string });
  }
  expectHarmless(reply.body);
}

function expectHarmless(text: string): void {
  for (const secret of secrets) expect(text.includes(secret)).toBe(false);
  expect(text).not.toMatch(/^\s+at .*[(/].*\.[jt]s:\d+/m);
}

async function publishWell(): Promise<void> {
  const response = await open.call(`/v2/publish/${receiver.url}/good`, { method: 'POST', body: 'good' });
  expect(response.status).toBe(200);
}

async function checkArrival({ arrives = {}, body = '' }: BadInput, place: string): Promise<void> {
  const { path, header, without } = arrives;
  const request: Received = await eventually(() => receiver.requests.find((one) => one.path.startsWith(`${place}/`)));
  if (path !== undefined) expect(request.path).toBe(place + path);
  expect(request.body.equals(Buffer.from(body))).toBe(true);
  if (header) expect(request.headers[header[0]]).toBe(header[1]);
  if (without) expect(request.headers[without[0]]).not.toBe(without[1]);
}
