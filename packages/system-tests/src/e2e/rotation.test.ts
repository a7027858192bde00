import {
  eventually,
  findFreePort,
  startApi,
  startDispatcher,
  startReceiver,
  startRedis,
  type Receiver,
  type TestApi,
  type TestProcess,
  type TestRedis,
} from '@posthorn/testkit';
import jsonwebtoken from 'jsonwebtoken';

let redis: TestRedis;
let receiver: Receiver;
let apis: TestApi[];
let ports: number[];
let dispatchers: TestProcess[];
const given = { QSTASH_CURRENT_SIGNING_KEY: 'sig_given_current', QSTASH_NEXT_SIGNING_KEY: 'sig_given_next' };
const start = (port: number | undefined, QSTASH_TOKEN: string) =>
  startApi(redis.url, { ...given, PORT: String(port), QSTASH_TOKEN });
beforeAll(async () => {
  [redis, receiver] = await Promise.all([startRedis(), startReceiver()]);
  ports = await Promise.all([findFreePort(), findFreePort()]);
  apis = await Promise.all(ports.map((port) => start(port, 'old')));
  dispatchers = await Promise.all([startDispatcher(redis.url), startDispatcher(redis.url)]);
});
afterAll(async () => {
  isOver = true;
  await Promise.all([...apis, ...dispatchers].map((process) => process.end('SIGKILL')));
  await receiver.stop();
  await redis.stop();
});

/** Of loads that a failed test has left running, too. */
let isOver = false;

/** Publishes to both APIs, one after the other, until it is stopped; an API that is away is not asked again for it. */
function startLoad(path: string, token: () => string) {
  const statuses = new Set<number>();
  const ids = new Set<string>();
  let isStopped = false;
  const publish = async (n: number) => {
    for (let turn = n; !isStopped && !isOver; turn++) {
      const url = `${apis[turn % apis.length]?.url ?? ''}/v2/publish/${receiver.url}${path}`;
      const headers = { Authorization: `Bearer ${token()}`, 'Upstash-Retry-Delay': '100' };
      const response = await fetch(url, { method: 'POST', headers }).catch(() => undefined);
      if (response) {
        statuses.add(response.status);
        const { messageId } = (await response.json()) as { messageId?: string };
        if (messageId) ids.add(messageId);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const running = Promise.all([0, 1, 2, 3].map(publish));
  return {
    statuses,
    count: () => ids.size,
    async stop() {
      isStopped = true;
      await running;
      const arrived = () => new Set(receiver.at(path).map(({ headers }) => String(headers['upstash-message-id'])));
      await eventually(() => {
        const here = arrived();
        return [...ids].every((id) => here.has(id));
      });
    },
  };
}

test('signing keys are rotated under load: each delivery verifies with the two keys that its receiver knows', async () => {
  const keys = async (path = '/v2/keys', method = 'GET') => {
    const response = await apis[0]?.call(path, { method, headers: { Authorization: 'Bearer old' } });
    return (await response?.json()) as { current: string; next: string };
  };
  let known = await keys();
  expect(known).toEqual({ current: 'sig_given_current', next: 'sig_given_next' });
  const bad: string[] = [];
  let byNext = 0;
  receiver.reply('/signed', (response, { headers }) => {
    const verifies = (key: string) => {
      try {
        return Boolean(jsonwebtoken.verify(String(headers['upstash-signature']), key, { algorithms: ['HS256'] }));
      } catch {
        return false;
      }
    };
    if (verifies(known.next)) byNext++;
    else {
      byNext = 0;
      if (!verifies(known.current)) bad.push(String(headers['upstash-message-id']));
    }
    // Some are made again, perhaps after a rotation.
    response.writeHead(headers['upstash-retried'] === '0' && Math.random() < 0.2 ? 500 : 200).end();
  });

  const load = startLoad('/signed', () => 'old');
  for (let rotation = 0; rotation < 4; rotation++) {
    const before = receiver.at('/signed').length;
    await eventually(() => receiver.at('/signed').length > before + 20);
    const rotated = await keys('/v2/keys/rotate', 'POST');
    expect(rotated.current).toBe(known.next);
    // So many in a row come from both dispatchers. Then the receiver is told of the new pair, before the next rotation.
    await eventually(() => byNext > 60);
    known = rotated;
    byNext = 0;
  }
  await load.stop();
  expect(bad).toEqual([]);
  expect([...load.statuses]).toEqual([200]);
}, 90_000);

test('the token is replaced under load: a caller with a valid one is never refused', async () => {
  let token = 'old';
  const load = startLoad('/by-token', () => token);
  const restartAll = async (tokens: string) => {
    for (const [place, port] of ports.entries()) {
      expect(await apis[place]?.end('SIGTERM')).toBe(0);
      apis[place] = await start(port, tokens);
      const before = load.count();
      await eventually(() => load.count() > before + 20);
    }
  };
  await restartAll('old,new');
  token = 'new';
  await restartAll('new');
  await load.stop();
  expect([...load.statuses]).toEqual([200]);
  const withOld = await apis[0]?.call('/v2/keys', { headers: { Authorization: 'Bearer old' } });
  expect(withOld?.status).toBe(401);
  // What was rotated away does not come back with the environment of a new process.
  const keys = await apis[0]?.call('/v2/keys', { headers: { Authorization: 'Bearer new' } });
  expect(await keys?.text()).not.toContain('sig_given');
}, 90_000);
