import { startRedis, type TestRedis } from '@posthorn/testkit';
import fc from 'fast-check';
import { connectForRequests, type RedisConnection } from '../redis/connect.ts';
import { keyspace } from '../redis/keyspace.ts';
import type { Shards } from '../shards/shards.ts';
import { listMembers } from './lanes.fixture.ts';
import { createLanes, flowLane, type Lane, type Lanes } from './lanes.ts';

let server: TestRedis;
let redis: RedisConnection;
beforeAll(async () => {
  server = await startRedis({ durability: 'everysec' });
  redis = connectForRequests(server.url);
  await new Promise((resolve) => redis.once('ready', resolve));
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

const groupInOne = (ids: Iterable<string>) => ({ byShard: new Map([[0, [...ids]]]), unknown: [] });

/** Lanes whose messages are all in one shard. */
const createLanesOf = (shard: object) => {
  const parts = { of: () => 0, shardOf: () => 0, at: () => shard, find: () => shard, group: groupInOne };
  return createLanes(redis, parts as unknown as Shards);
};

type Step =
  | { kind: 'publish' | 'start' | 'finish' | 'retry' | 'crash' | 'cancel' | 'loseWakeUp'; pick: number }
  | { kind: 'pause' | 'resume' | 'resetRate' }
  | { kind: 'parallelism'; to: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  ...(['publish', 'publish', 'start', 'start', 'finish', 'retry', 'crash', 'cancel', 'loseWakeUp'] as const).map(
    (kind) => fc.record({ kind: fc.constant(kind), pick: fc.nat() }),
  ),
  ...(['pause', 'resume', 'resetRate'] as const).map((kind) => fc.record({ kind: fc.constant(kind) })),
  fc.record({ kind: fc.constant('parallelism' as const), to: fc.integer({ min: 1, max: 4 }) }),
);
const scenario = fc.record({
  kind: fc.constantFrom('queue' as const, 'flow' as const),
  parallelism: fc.integer({ min: 1, max: 3 }),
  rate: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
  steps: fc.array(step, { minLength: 5, maxLength: 50 }),
});
type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

type State = 'parked' | 'awake' | 'running' | 'ended';

/** What the messages of one lane do, as the API and the dispatchers would; each rule is checked at every start. */
class Model {
  readonly states = new Map<string, State>();
  readonly started = new Set<string>();
  isPaused = false;
  starts = 0;
  parallelism: number;
  readonly #lane: Lane;
  readonly #lanes: Lanes;
  readonly #scenario: Scenario;
  /** The next wake-up never arrives: its process died. */
  losesWakeUp = false;

  constructor(name: string, scenario: Scenario) {
    this.#scenario = scenario;
    this.parallelism = scenario.parallelism;
    this.#lane = { kind: scenario.kind, name };
    const shard = {
      wake: async (ids: readonly string[]) =>
        ids.map((id) => {
          const state = this.states.get(id);
          if (this.losesWakeUp) {
            this.losesWakeUp = false;
            return 'awake';
          }
          if (state === 'parked') this.states.set(id, 'awake');
          return state === undefined || state === 'ended' ? 'missing' : state === 'parked' ? 'woken' : 'awake';
        }),
      exists: async (id: string) => (this.states.get(id) ?? 'ended') !== 'ended',
    };
    this.#lanes = createLanes(redis, {
      of: () => 0,
      shardOf: () => 0,
      at: () => shard,
      find: () => shard,
      group: groupInOne,
      count: 1,
    } as unknown as Shards);
  }

  get rate(): number {
    return this.#scenario.kind === 'flow' ? (this.#scenario.rate ?? Infinity) : Infinity;
  }

  in(state: State): string[] {
    return [...this.states].filter(([, each]) => each === state).map(([id]) => id);
  }

  async setUp(): Promise<void> {
    await redis.del(keyspace.busyLanes(0));
    await this.setLimit();
  }

  async setLimit(): Promise<void> {
    const rate = this.rate === Infinity ? {} : { rate: this.rate };
    const { kind, name } = this.#lane;
    const limits = { key: name, parallelism: this.parallelism, ...rate, periodSeconds: 3600 };
    if (kind === 'queue') await this.#lanes.configure(this.#lane, { parallelism: this.parallelism });
    else await this.#lanes.setLimits(this.#lane, limits);
  }

  async publish(): Promise<void> {
    const id = `m${this.states.size}`;
    if (this.#scenario.kind === 'queue') this.states.set(id, 'parked');
    else {
      // Stored only after its join: a wake-up in between finds nothing.
      const slot = await this.#lanes.enter(this.#lane, id);
      this.states.set(id, slot.has ? 'awake' : 'parked');
      if (slot.has) return;
    }
    await this.#lanes.enterAsleep(this.#lane, id);
  }

  async start(id: string): Promise<void> {
    const slot = await this.#lanes.acquire(this.#lane, id);
    if (!slot.has) {
      // It asks again by itself when the time is short; else it has to be woken.
      this.states.set(id, slot.waitMs < 10_000 ? 'awake' : 'parked');
      if ((await this.#lanes.enter(this.#lane, id)).has && !this.isPaused) this.states.set(id, 'awake');
      return;
    }
    const earlier = [...this.states.keys()].slice(0, [...this.states.keys()].indexOf(id));
    const waiting = earlier.filter((each) => this.states.get(each) !== 'ended' && !this.started.has(each));
    this.states.set(id, 'running');
    this.starts++;
    if (this.isPaused) throw new Error(`${id} started in a pause`);
    if (this.starts > this.rate) throw new Error(`${this.starts} starts in a window of ${this.rate}`);
    if (this.in('running').length > Math.max(this.parallelism, this.#greatest)) throw new Error('too many at once');
    if (this.#scenario.kind === 'queue' && !this.started.has(id) && waiting.length >= this.#greatest) {
      throw new Error(`${id} started before ${waiting.join()}`);
    }
    this.started.add(id);
  }

  /** A parallelism that was taken back ends nothing that it had allowed. */
  #greatest = 0;
  noteParallelism(): void {
    this.#greatest = Math.max(this.#greatest, this.parallelism);
  }

  async leave(id: string, state: State): Promise<void> {
    this.states.set(id, state);
    await this.#lanes.leave(this.#lane, id);
  }

  /** As a dispatcher does: the slot of a queue is for the whole life of a message, that of a key for an attempt. */
  async finish(id: string, state: 'ended' | 'awake'): Promise<void> {
    this.states.set(id, state);
    if (this.#scenario.kind === 'flow') await this.#lanes.release(this.#lane, id);
    else if (state === 'ended') await this.#lanes.leave(this.#lane, id);
  }

  async run(each: Step): Promise<void> {
    const choose = (ids: string[], pick: number) => ids[pick % Math.max(1, ids.length)];
    switch (each.kind) {
      case 'publish':
        return this.publish();
      case 'start': {
        const id = choose(this.in('awake'), each.pick);
        return id === undefined ? undefined : this.start(id);
      }
      case 'finish':
      case 'retry':
      case 'crash': {
        const id = choose(this.in('running'), each.pick);
        if (id === undefined) return undefined;
        // After a crash the same message comes again; so it does after a retry.
        if (each.kind === 'crash') this.states.set(id, 'awake');
        else await this.finish(id, each.kind === 'finish' ? 'ended' : 'awake');
        return undefined;
      }
      case 'cancel': {
        const id = choose([...this.in('parked'), ...this.in('awake')], each.pick);
        return id === undefined ? undefined : this.leave(id, 'ended');
      }
      case 'loseWakeUp':
        this.losesWakeUp = this.#scenario.kind === 'queue';
        return undefined;
      case 'pause':
        this.isPaused = true;
        return this.#lanes.setPaused(this.#lane, true);
      case 'resume':
        this.isPaused = false;
        return this.#lanes.setPaused(this.#lane, false);
      case 'resetRate':
        // A slot that was granted before has taken its part of the old window.
        if (this.in('running').length + this.in('awake').length > 0) return undefined;
        this.starts = 0;
        return this.#lanes.resetRate(this.#lane);
      case 'parallelism':
        this.parallelism = each.to;
        this.noteParallelism();
        return this.setLimit();
    }
  }

  /** With nothing in their way all messages end, and none has to wait for the hour after which it asks by itself. */
  async drain(): Promise<void> {
    await this.run({ kind: 'resume' });
    for (let round = 0; this.in('ended').length < this.states.size; round++) {
      if (round > 400) throw new Error(`stuck: ${JSON.stringify([...this.states])}`);
      for (const id of this.in('running')) await this.finish(id, 'ended');
      this.starts = 0;
      if (this.rate !== Infinity) await this.#lanes.resetRate(this.#lane);
      const [id] = this.in('awake');
      if (id !== undefined) await this.start(id);
      else if (this.in('parked').length > 0) {
        // As after a few seconds in which nothing happened.
        await redis.zadd(keyspace.busyLanes(0), 1, `${this.#lane.kind}:${this.#lane.name}`);
        await this.#lanes.sweep(0);
      }
    }
    const { holders = 0, waiters = 0 } = (await this.#lanes.read(this.#lane)) ?? {};
    if (holders + waiters > 0) throw new Error(`${holders} slots and ${waiters} waiting messages are left behind`);
  }
}

test('a window that a wrong clock has begun in the future holds no message', async () => {
  const shards = { of: () => 0, shardOf: () => 0, group: groupInOne } as unknown as Shards;
  const lanes = createLanes(redis, shards);
  const lane: Lane = { kind: 'flow', name: 'future' };
  const limits = { key: 'future', rate: 1, periodSeconds: 1 };
  await redis.hset(keyspace.lane(0, 'flow', 'future'), { windowStart: Date.now() + 3_600_000, rateCount: 1 });
  expect(await lanes.enter(lane, 'msg_1', limits)).toEqual({ has: true });
  const slot = await lanes.enter(lane, 'msg_2', limits);
  expect(slot.has || slot.waitMs).toBeLessThanOrEqual(1001);
});

test('an attempt that has lost its slot leaves its message waiting for another one', async () => {
  const shards = { of: () => 0, shardOf: () => 0, group: groupInOne } as unknown as Shards;
  const lanes = createLanes(redis, shards);
  const lane: Lane = { kind: 'flow', name: 'lost-slot' };
  const limits = { key: 'lost-slot', parallelism: 1, periodSeconds: 1 };
  await lanes.enter(lane, 'msg_lost', limits);
  await lanes.acquire(lane, 'msg_lost');
  // Its dispatcher stands still until its lease is over; another message has the slot when a second one tries.
  await redis.zrem(keyspace.laneHolders(0, 'flow', 'lost-slot'), 'msg_lost');
  await lanes.acquire(lane, 'msg_other');
  expect(await lanes.acquire(lane, 'msg_lost')).toMatchObject({ has: false });
  await lanes.release(lane, 'msg_lost');
  expect(await listMembers(redis, lanes, lane)).toEqual(['msg_other', 'msg_lost']);
});

describe('the unit of a rate', () => {
  const shard = { wake: (ids: string[]) => Promise.resolve(ids.map(() => 'awake')) };
  const shards = { of: () => 0, shardOf: () => 0, at: () => shard, group: groupInOne } as unknown as Shards;
  const enter = async (name: string) => {
    const lanes = createLanes(redis, shards);
    const limits = { key: name, rate: 2, periodSeconds: 3600 };
    const lane = flowLane(limits);
    await lanes.enter(lane, 'msg_1', limits);
    return { lanes, lane, count: async () => (await lanes.read(lane))?.rateCount };
  };

  test('comes back from a message that was granted a slot and never woke up', async () => {
    const { lanes, lane, count } = await enter('asleep');
    // Its lease is over, and the window is not.
    await redis.hset(keyspace.lane(0, 'flow', 'asleep'), 'windowStart', Date.now() - 60_000);
    await redis.zadd(keyspace.laneHolders(0, 'flow', 'asleep'), Date.now() - 1, '+msg_1');
    await lanes.setPaused(lane, true);
    expect(await count()).toBe(0);
    await lanes.setPaused(lane, false);
    expect(await count()).toBe(1);
  });

  test('does not come back from an attempt, nor into a later window', async () => {
    const { lanes, lane, count } = await enter('begun');
    await lanes.acquire(lane, 'msg_1');
    await lanes.leave(lane, 'msg_1');
    expect(await count()).toBe(1);
    await lanes.enter(lane, 'msg_2');
    await redis.hset(keyspace.lane(0, 'flow', 'begun'), { windowStart: Date.now() + 1, rateCount: 1 });
    await lanes.leave(lane, 'msg_2');
    expect(await count()).toBe(1);
  });
});

test('a slot of a message that has ended is found in a queue that never stands still', async () => {
  const shard = {
    wake: (ids: string[]) => Promise.resolve(ids.map(() => 'awake')),
    exists: (id: string) => Promise.resolve(id !== 'msg_ended'),
  };
  const lanes = createLanesOf(shard);
  const lane: Lane = { kind: 'queue', name: 'moving' };
  await redis.hset(keyspace.lane(0, 'queue', 'moving'), 'parallelism', 2);
  await redis.del(keyspace.busyLanes(0));
  expect(await lanes.sweep(0)).toBe(false);
  for (const id of ['msg_ended', 'msg_1']) await lanes.acquire(lane, id);
  expect(await lanes.enter(lane, 'msg_2')).toMatchObject({ has: false });
  expect(await lanes.sweep(0)).toBe(true);
  expect((await listMembers(redis, lanes, lane)).sort()).toEqual(['msg_1', 'msg_2']);
  expect(await lanes.enter(lane, 'msg_2')).toEqual({ has: true });
});

test('a slot that is to be held for a callback stays held, though the callback is not stored yet', async () => {
  const existing = new Set(['msg_1']);
  const shard = { exists: (id: string) => Promise.resolve(existing.has(id)) };
  const lanes = createLanesOf(shard);
  const lane: Lane = { kind: 'queue', name: 'held' };
  await redis.del(keyspace.busyLanes(0));
  await lanes.acquire(lane, 'msg_1');
  await lanes.hold(lane, 'msg_1', 'msg_callback');
  await lanes.sweep(0);
  existing.add('msg_callback');
  existing.delete('msg_1');
  await lanes.leave(lane, 'msg_1');
  await lanes.sweep(0);
  expect(await listMembers(redis, lanes, lane)).toEqual(['msg_1']);
  existing.delete('msg_callback');
  await lanes.sweep(0);
  expect(await listMembers(redis, lanes, lane)).toEqual([]);
});

test('a key that was forgotten while its messages slept has their limits again', async () => {
  const shard = {
    exists: () => Promise.resolve(true),
    wake: (ids: string[]) => Promise.resolve(ids.map(() => 'woken')),
  };
  const lanes = createLanesOf(shard);
  const limits = { key: 'slept', parallelism: 2, periodSeconds: 1 };
  const lane = flowLane(limits);
  await lanes.setLimits(lane, limits);
  // As its expiry does.
  await redis.del(keyspace.lane(0, 'flow', 'slept'));
  const acquire = async (id: string) => (await lanes.acquire(lane, id, limits)).has;
  expect([await acquire('msg_1'), await acquire('msg_2'), await acquire('msg_3')]).toEqual([true, true, false]);
  // Those of a later message stay.
  await lanes.setLimits(lane, { ...limits, parallelism: 4 });
  expect((await lanes.read(lane))?.parallelism).toBe(4);
  await acquire('msg_4');
  expect((await lanes.read(lane))?.parallelism).toBe(4);
});

describe('delayed messages of a queue', () => {
  const id = (madeAt: number, n: number) =>
    `msg_${String(madeAt).padStart(10, '0')}00${String(n * 7919).padStart(14, '0')}`;
  const wakes: string[][] = [];
  const shard = {
    wake: (ids: string[]) => Promise.resolve(wakes.push(ids) && ids.map(() => 'woken')),
    exists: () => Promise.resolve(true),
  };
  const create = async (name: string) => {
    const lanes = createLanesOf(shard);
    await lanes.createQueue(name);
    await lanes.setPaused({ kind: 'queue', name }, true);
    return { lanes, lane: { kind: 'queue', name } as Lane };
  };

  test('enter in the order in which they are due and then accepted, whichever comes first', async () => {
    const { lanes, lane } = await create('due');
    const now = Date.now();
    // The last digits of the ids are in another order than the messages.
    const ids = [5, 3, 4, 1, 2].map((n) => id(1, n));
    for (const each of ids) await lanes.delay(lane, each, now - 10);
    const earlier = id(2, 1);
    await lanes.delay(lane, earlier, now - 20);
    await lanes.delay(lane, id(3, 1), now + 3_600_000);
    await lanes.acquire(lane, ids[3] ?? '');
    expect(await listMembers(redis, lanes, lane)).toEqual([earlier, ...ids]);
    expect(await lanes.read(lane)).toMatchObject({ waiters: 6, delayed: 1 });
  });

  test('enter together with the first of them that a dispatcher takes for due, and before a new message', async () => {
    const { lanes, lane } = await create('clock');
    const ids = [2, 3, 1].map((n) => id(1, n));
    for (const each of ids) await lanes.delay(lane, each, Date.now() + 60_000);
    await lanes.acquire(lane, ids[2] ?? '');
    await lanes.enter(lane, id(9, 9));
    expect(await listMembers(redis, lanes, lane)).toEqual([...ids, id(9, 9)]);
  });

  test('keep their places when more are due than enter at once', async () => {
    const { lanes, lane } = await create('many');
    const now = Date.now();
    const ids = Array.from({ length: 1500 }, (_, n) => id(1, (n * 31) % 1500));
    await Promise.all(ids.map((each) => lanes.delay(lane, each, now - 10)));
    const last = ids.at(-1) ?? '';
    expect(await lanes.acquire(lane, last)).toMatchObject({ has: false });
    await lanes.enter(lane, 'msg_new');
    const members = await listMembers(redis, lanes, lane);
    expect(members).toEqual([...ids, 'msg_new']);
  });

  test('that have a slot, or wait, and are accepted again do not enter twice', async () => {
    const { lanes, lane } = await create('again');
    await lanes.setPaused(lane, false);
    await lanes.acquire(lane, id(1, 1));
    await lanes.acquire(lane, id(1, 2));
    for (const n of [1, 2]) await lanes.delay(lane, id(1, n), Date.now() - 10);
    await lanes.setPaused(lane, false);
    expect(await listMembers(redis, lanes, lane)).toEqual([id(1, 1), id(1, 2)]);
    expect((await lanes.read(lane))?.delayed).toBe(0);
  });

  test('several that are granted slots at once are woken one after the other', async () => {
    const { lanes, lane } = await create('woken');
    const ids = [3, 1, 2].map((n) => id(1, n));
    for (const each of ids) await lanes.enter(lane, each);
    await lanes.configure(lane, { parallelism: 3 });
    wakes.length = 0;
    await lanes.setPaused(lane, false);
    expect(wakes).toEqual(ids.map((each) => [each]));
  });
});

test('order, parallelism and rate hold, and nothing is stuck, whatever happens', async () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
  const runs = 1000;
  let run = 0;
  process.stdout.write(`${runs} runs of publish, start, finish, retry, crash, cancel, pause, change; seed ${seed}\n`);
  await fc.assert(
    fc.asyncProperty(scenario, async (given) => {
      const model = new Model(`lane-${run++}`, given);
      model.noteParallelism();
      await model.setUp();
      for (const each of given.steps) await model.run(each);
      await model.drain();
    }),
    { numRuns: runs, seed },
  );
}, 180_000);
