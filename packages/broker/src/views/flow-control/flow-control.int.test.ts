import { useBroker } from '../../broker.fixture.ts';
import { keyspace } from '../../engine/redis/keyspace.ts';

const maxHeldFlowControlKeys = 3;

const stage = useBroker(2, { maxHeldFlowControlKeys });
beforeEach(() => stage.server.client.flushall());

const limits = { key: 'busy', parallelism: 1, periodSeconds: 1 };
const busy = { kind: 'flow', name: 'busy' } as const;

test('keys that are paused or pinned are limited, over all shards; keys with messages are not', async () => {
  const { flowControls, lanes } = stage.broker;
  await lanes.enter(busy, 'msg_1', limits);
  for (let n = 0; n < maxHeldFlowControlKeys; n++) await flowControls.pin(`pinned-${n}`, { parallelism: 1 });
  for (const refused of [
    () => flowControls.pin('more', { rate: 1 }),
    () => flowControls.setPaused('more', true),
    () => flowControls.setPaused('busy', true),
  ]) {
    await expect(refused()).rejects.toMatchObject({ code: 'limit_exceeded' });
  }
  expect(await flowControls.get('more')).toBeUndefined();
  await lanes.enter({ kind: 'flow', name: 'more' }, 'msg_2', { ...limits, key: 'more' });

  // One that is may be changed, and makes room when it no longer is.
  await flowControls.setPaused('pinned-0', true);
  await flowControls.unpin('pinned-0', { parallelism: true, rate: false });
  await expect(flowControls.setPaused('busy', true)).rejects.toMatchObject({ code: 'limit_exceeded' });
  await flowControls.setPaused('pinned-0', false);
  await flowControls.setPaused('busy', true);
});

test('a key is kept while it has messages, or is paused, and forgotten a while after both', async () => {
  const { flowControls, lanes } = stage.broker;
  const ttl = () => stage.server.client.pttl(keyspace.lane(lanes.shardOf(busy), 'flow', 'busy'));
  const names = async () => {
    await lanes.expire(lanes.shardOf(busy));
    const keys: string[] = [];
    for await (const { flowControlKey } of flowControls.list()) keys.push(flowControlKey);
    return keys;
  };
  await lanes.enter(busy, 'msg_1', limits);
  expect([await ttl(), await names()]).toEqual([-1, ['busy']]);
  await flowControls.setPaused('busy', true);
  await lanes.leave(busy, 'msg_1');
  expect([await ttl(), await names()]).toEqual([-1, ['busy']]);
  await flowControls.setPaused('busy', false);
  expect(await ttl()).toBeGreaterThan(0);
  expect(await names()).toEqual(['busy']);
});

test('each action creates an unknown key, and releases what it no longer holds', async () => {
  const { flowControls, lanes } = stage.broker;
  const actions = {
    resumed: () => flowControls.setPaused('resumed', false),
    unpinned: () => flowControls.unpin('unpinned', { parallelism: true, rate: true }),
    reset: () => flowControls.resetRate('reset'),
  };
  for (const [key, act] of Object.entries(actions)) {
    await act();
    expect(await flowControls.get(key)).toMatchObject({ flowControlKey: key, isPaused: false });
  }
  for (let n = 0; n <= maxHeldFlowControlKeys; n++) {
    await flowControls.setPaused(`fresh-${n}`, true);
    await flowControls.setPaused(`fresh-${n}`, false);
    expect(await flowControls.get(`fresh-${n}`)).toMatchObject({ isPaused: false });
  }

  // An earlier version left the key in the list without a record.
  const gone = { kind: 'flow', name: 'gone' } as const;
  const list = keyspace.flowKeys(lanes.shardOf(gone));
  await stage.server.client.zadd(list, '+inf', 'flow:gone');
  await lanes.leave(gone, 'msg_1');
  expect(await stage.server.client.zscore(list, 'flow:gone')).toBeNull();
});

test('all keys are listed by name, and read in pieces', async () => {
  const { flowControls, lanes } = stage.broker;
  const names = Array.from({ length: 4000 }, (_, n) => `key-${n}`);
  const far = Date.now() + 3_600_000;
  const put = stage.server.client.pipeline();
  for (const [index, name] of names.entries()) {
    const shard = lanes.shardOf({ kind: 'flow', name });
    put.hset(keyspace.lane(shard, 'flow', name), 'rate', 1);
    put.zadd(keyspace.flowKeys(shard), [far, '9007199254740991', '+inf'][index % 3] ?? far, `flow:${name}`);
  }
  const forgotten = keyspace.flowKeys(lanes.shardOf(busy));
  put.zadd(forgotten, Date.now() - 1, 'flow:busy');
  put.hset(keyspace.lane(lanes.shardOf(busy), 'flow', 'busy'), 'rate', 1);
  await put.exec();

  const list = async (search?: string) => {
    const keys: string[] = [];
    for await (const { flowControlKey } of flowControls.list(search)) keys.push(flowControlKey);
    return keys;
  };
  await stage.server.client.config('RESETSTAT');
  expect(await list()).toEqual([...names].sort());
  const stats = await stage.server.client.info('commandstats');
  expect(stats).not.toContain('cmdstat_zrangebyscore');
  expect(Number(/cmdstat_zscan:calls=(\d+)/.exec(stats)?.[1])).toBeGreaterThan(3);
  expect(await list('-399')).toEqual(names.filter((name) => name.includes('-399')).sort());
});
