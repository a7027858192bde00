import { eventually, startApi, startDispatcher, startReceiver, startRedis, type TestProcess } from '@posthorn/testkit';

const kills = 20;
const perKill = 4;

// The dispatcher dies between the response of the destination and the end of the message, each time at another moment.
test('twenty kills lose no message and no callback, and a callback that comes twice has the same id', async () => {
  const [redis, receiver] = await Promise.all([startRedis(), startReceiver()]);
  const api = await startApi(redis.url);
  const start = () =>
    startDispatcher(redis.url, {
      STALLED_AFTER_SECONDS: '3',
      SHARDS: '8',
      DISPATCHER_CONCURRENCY: '16',
      // Here it is not the message that kills its dispatcher, however often it is there.
      POISON_AFTER: '1000',
    });

  const sources: { id: string; path: string; fails: boolean }[] = [];
  let answered: () => void = () => undefined;
  const publish = async (round: number, n: number) => {
    const path = `/source/${round}/${n}`;
    const fails = n % 2 === 1;
    receiver.reply(path, (response) => {
      response.writeHead(fails ? 500 : 200).end('answer');
      response.on('close', () => undefined);
      answered();
    });
    const headers = {
      'Upstash-Retries': '0',
      'Upstash-Callback': `${receiver.url}/callback`,
      'Upstash-Failure-Callback': `${receiver.url}/failure`,
    };
    sources.push({ id: await api.publish(receiver.url + path, { headers, body: 'x'.repeat(n * 8000) }), path, fails });
  };

  let next: Promise<TestProcess> = start();
  for (let round = 0; round < kills; round++) {
    const dispatcher = await next;
    next = start();
    const first = new Promise<void>((resolve) => (answered = resolve));
    await Promise.all(Array.from({ length: perKill }, (_, n) => publish(round, n)));
    await first;
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 6));
    await dispatcher.end('SIGKILL');
  }
  const last = await next;

  interface Told {
    sourceMessageId: string;
    status: number;
  }
  const told = (path: string) =>
    receiver.at(path).map(({ body, headers }) => ({
      ...(JSON.parse(body.toString()) as Told),
      id: String(headers['upstash-message-id']),
    }));
  await eventually(async () => {
    const [callbacks, failures] = [told('/callback'), told('/failure')];
    for (const { id, fails, path } of sources) {
      if (!callbacks.some(({ sourceMessageId }) => sourceMessageId === id)) throw new Error(`no callback of ${path}`);
      if (fails && !failures.some(({ sourceMessageId }) => sourceMessageId === id)) {
        throw new Error(`no failure callback of ${path}`);
      }
    }
    return true;
  }, 60_000);
  for (const { id, fails } of sources) {
    expect(new Set(told('/callback').flatMap((each) => (each.sourceMessageId === id ? [each.id] : []))).size).toBe(1);
    await eventually(async () => (await api.states(id)).at(-1) === (fails ? 'FAILED' : 'DELIVERED'));
  }
  const again = sources.filter(({ path }) => receiver.at(path).length > 1).length;
  const twice = told('/callback').length - sources.length;
  console.log(
    `${kills} kills, ${sources.length} messages: ${again} were attempted again, ${twice} callbacks came twice`,
  );
  // Otherwise the kills came at no interesting moment.
  expect(again).toBeGreaterThan(0);
  await Promise.all([api.end('SIGKILL'), last.end('SIGKILL'), receiver.stop()]);
  await redis.stop();
}, 240_000);
