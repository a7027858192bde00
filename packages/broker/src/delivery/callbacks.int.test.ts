import type { Callback, Failure, Message } from '@posthorn/shared';
import { useBroker } from '../broker.fixture.ts';

const stage = useBroker(1);
beforeEach(() => stage.server.client.flushall());

const callback: Callback = {
  url: 'https://a.example/told',
  method: 'POST',
  header: {},
  maxRetries: 0,
  timeoutMs: 1000,
  delayMs: 0,
};
const message: Message = {
  url: 'https://a.example/',
  method: 'POST',
  header: {},
  body: { kind: 'empty' },
  createdAt: 1,
  notBefore: 1,
  maxRetries: 1,
  timeoutMs: 1000,
  callerIp: '::1',
  callback,
  failureCallback: callback,
};
const failure = (fields: Partial<Failure['response']> = {}): Failure => ({
  error: 'connect ECONNREFUSED',
  errorKind: 'connect',
  response: { status: 0, header: {}, body: Buffer.alloc(0), error: 'connect ECONNREFUSED', ...fields },
});

/** The body of the only callback that was stored. */
async function readTold(): Promise<Record<string, unknown>> {
  const shard = stage.broker.shards.at(0);
  const bytes = await stage.broker.bodies.read((await shard.next())?.message.body ?? { kind: 'empty' });
  return JSON.parse(String(bytes)) as Record<string, unknown>;
}
const delivery = () => ({ ...stage.broker.shards.newId(0), message, retried: 0, crashes: 0 });

test('a callback says why the attempt failed', async () => {
  await stage.broker.callbacks.storeCallback(delivery(), { kind: 'retry', delayMs: 1, ...failure() });
  const told = await readTold();
  expect(told).toMatchObject({ status: 0, error: 'connect ECONNREFUSED', errorKind: 'connect' });
  expect(Buffer.from(String(told['body']), 'base64').toString()).toBe('connect ECONNREFUSED');
  expect(told).not.toHaveProperty('bodyTruncated');
});

test('a failure callback says it, too, and that it has only a part of the response', async () => {
  await stage.broker.callbacks.storeFailureCallback(
    delivery(),
    failure({ status: 500, body: Buffer.from('no'), isCut: true }),
    '1-0',
  );
  expect(await readTold()).toMatchObject({ status: 500, dlqId: '1-0', errorKind: 'connect', bodyTruncated: true });
});

test('a callback about a success has no error', async () => {
  const response = { status: 200, header: {}, body: Buffer.from('ok') };
  await stage.broker.callbacks.storeCallback(delivery(), { kind: 'delivered', response });
  const told = await readTold();
  expect(told).not.toHaveProperty('error');
  expect(told).not.toHaveProperty('errorKind');
});

test('few large callbacks are made at once, and one that fails holds up no other', async () => {
  const { bodies, callbacks } = stage.broker;
  let open = 0;
  let most = 0;
  const read = jest.spyOn(bodies, 'read').mockImplementation(async () => {
    most = Math.max(most, ++open);
    await stage.broker.redis.ping();
    open--;
    return Buffer.alloc(0);
  });
  read.mockRejectedValueOnce(new Error('no Redis'));
  const body = { kind: 'stored', key: 'msg_1', sizeBytes: 10_000_000 } as const;
  const tell = () =>
    callbacks.storeCallback(
      { ...delivery(), message: { ...message, body } },
      { kind: 'retry', delayMs: 1, ...failure() },
    );
  const told = await Promise.allSettled(Array.from({ length: 10 }, tell));
  read.mockRestore();
  expect(told.map(({ status }) => status)).toEqual(['rejected', ...Array<string>(9).fill('fulfilled')]);
  expect(most).toBe(3);
  expect(await stage.broker.shards.at(0).count(Date.now())).toMatchObject({ waiting: 9 });
});
