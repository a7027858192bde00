import { eventually, findFreePort, startApp, type TestProcess } from '@posthorn/testkit';
import { useApi } from './system.fixture.ts';

const system = useApi('file');
let dispatcher: TestProcess;
let probePort: number;
let isOver = false;
beforeAll(async () => {
  probePort = await findFreePort();
});
afterAll(async () => {
  isOver = true;
  await dispatcher.end('SIGKILL');
});

const poisonAfter = 2;
/** A dispatcher that is started again whenever it dies, as a supervisor would do. */
function supervise(): void {
  dispatcher = startApp('dispatcher', {
    REDIS_URL: system.redis.url,
    PROBE_PORT: String(probePort),
    POISON_AFTER: String(poisonAfter),
    STALLED_AFTER_SECONDS: '3',
  });
  void dispatcher.exited.then(() => {
    if (!isOver) supervise();
  });
}

test('a message that takes down every dispatcher goes to the dead letter queue; those beside it are delivered', async () => {
  system.receiver.reply('/poison', () => dispatcher.kill('SIGKILL'));
  // Still in flight when the dispatcher dies.
  system.receiver.reply('/beside', { status: 200, afterMs: 1500 });
  const beside = await Promise.all(
    Array.from({ length: 3 }, () => system.api.publish(`${system.receiver.url}/beside`)),
  );
  const poison = await system.api.publish(`${system.receiver.url}/poison`, {
    headers: {
      'Upstash-Retries': '20',
      'Upstash-Failure-Callback': `${system.receiver.url}/failure`,
      'Upstash-Delay': '1s',
    },
  });
  supervise();

  const failure = await eventually(() => system.receiver.at('/failure')[0]);
  expect(system.receiver.at('/poison')).toHaveLength(poisonAfter);
  const told = JSON.parse(String(failure.body)) as { sourceMessageId: string; body: string; status: number };
  expect(told).toMatchObject({ sourceMessageId: poison, status: 0 });
  expect(Buffer.from(told.body, 'base64').toString()).toMatch(/not tried again: 2 dispatchers ended/);

  const messages = await system.api.deadLetters();
  expect(messages.map(({ messageId }) => messageId)).toEqual([poison]);
  expect((await system.api.states(poison)).slice(-2)).toEqual(['ERROR', 'FAILED']);

  await eventually(async () => {
    for (const id of beside) expect((await system.api.states(id)).at(-1)).toBe('DELIVERED');
    return true;
  });
  expect(await (await fetch(`http://127.0.0.1:${probePort}/metrics`)).text()).toMatch(
    /^posthorn_messages_taken_back_total [1-9]/m,
  );
}, 60_000);
