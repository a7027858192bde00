import type { FlowControl, Message } from '@posthorn/shared';
import type { RedisConnection } from '../redis/connect.ts';
import { keyspace } from '../redis/keyspace.ts';
import type { Shards } from '../shards/shards.ts';

/** What gives messages slots: a named queue, or a flow-control key. */
export interface Lane {
  kind: 'queue' | 'flow';
  name: string;
}

/** Whether a message has a slot; if not, when it asks again unless it is woken before. */
export type Slot = { has: true } | { has: false; waitMs: number };

/** The settings of a lane, and its current use. */
export interface LaneState {
  /** Of a queue: when it was made and last changed, as instants; 0 for a flow-control key. */
  createdAt: number;
  updatedAt: number;
  /** Slots at once, 0 without a limit. */
  parallelism: number;
  /** Starts in a period, 0 without a limit. */
  rate: number;
  periodSeconds: number;
  /** Starts in the window that began at `windowStartAt`; the window may be over. */
  rateCount: number;
  windowStartAt: number;
  isPaused: boolean;
  /** Limits that messages cannot change. */
  isParallelismPinned: boolean;
  isRatePinned: boolean;
  /** Messages that hold a slot, and messages that wait for one. */
  holders: number;
  waiters: number;
  /** The message that has its slot for longest, or else waits for longest. */
  first?: string;
}

/**
 * Slots of queues and of flow-control keys, and the messages that wait for them (contract D32, D36). This module alone
 * reads and writes a lane's state.
 *
 * The states of a message in a lane:
 *
 * ```
 *            enter, acquire              grant                 acquire
 *   outside ───────────────► waiting ───────────► granted ───────────────► running ──┐ renew
 *      ▲                       │  ▲                │  │                     │  ▲      │
 *      │                       │  └─ lease over ───┘  │                     │  └──────┘
 *      └───────── leave ───────┴───────── leave ──────┴── release, leave, lease over
 * ```
 *
 * | state   | in Redis              | meaning                                                                   |
 * | ------- | --------------------- | ------------------------------------------------------------------------- |
 * | waiting | waiters, by its turn  | it sleeps until a grant wakes it                                          |
 * | granted | holders, as `+<id>`   | it has a slot and was woken; it has not begun an attempt                  |
 * | running | holders, as `<id>`    | an attempt is in flight, or, in a queue, the message waits for its retry  |
 *
 * A slot of a flow-control key is for one attempt and has a lease. A slot of a queue is for the life of a message and of
 * what `hold` adds to it; it has no lease, for the order must survive every crash: `sweep` frees those of messages that
 * have ended. Every step may be repeated, and grants what has become free, the message that has waited longest first.
 */
export interface Lanes {
  /** A new message waits for a slot, or has one already; the limits it brings now count for the whole key. */
  enter(lane: Lane, messageId: string, limits?: FlowControl): Promise<Slot>;
  /** The same for a message that sleeps: it is woken if it has a slot already. */
  enterAsleep(lane: Lane, messageId: string): Promise<Slot>;
  /**
   * The attempt begins, if the message has a slot; else it waits for one. The limits that it brought count again if the key
   * was forgotten since: nothing was delivered for it while the message slept.
   */
  acquire(lane: Lane, messageId: string, limits?: FlowControl): Promise<Slot>;
  /** The attempt goes on: its lease begins anew. */
  renew(lane: Lane, messageId: string): Promise<void>;
  /** The attempt is over: its slot is free. */
  release(lane: Lane, messageId: string): Promise<void>;
  /** The message needs no slot any more. `part` is one of several messages that share its slot. */
  leave(lane: Lane, messageId: string, part?: string): Promise<void>;
  /** The slot of a queue stays taken until this part, too, has left. */
  hold(lane: Lane, messageId: string, part: string): Promise<void>;
  /** Repairs every lane of a shard in which messages wait and nothing has happened for `staleMs`. */
  sweep(shard: number): Promise<void>;
  /** Removes the keys of a shard that are forgotten from the list of keys. */
  expire(shard: number): Promise<void>;

  /** `undefined` for a lane that is not known. */
  read(lane: Lane): Promise<LaneState | undefined>;
  members(lane: Lane): Promise<string[]>;
  /** Makes a queue with a parallelism of 1; one that exists stays as it is. */
  create(lane: Lane): Promise<void>;
  /** Whether a queue was made. */
  exists(lane: Lane): Promise<boolean>;
  /** Forgets a lane that has no messages. */
  remove(lane: Lane): Promise<void>;
  setLimits(lane: Lane, limits: FlowControl): Promise<void>;
  /** Changes a queue; what is not given stays. */
  configure(lane: Lane, settings: { parallelism?: number | undefined; isPaused?: boolean | undefined }): Promise<void>;
  setPaused(lane: Lane, isPaused: boolean): Promise<void>;
  /** Fixes limits: what messages say about them no longer counts. */
  pin(lane: Lane, limits: { parallelism?: number; rate?: number; periodSeconds?: number }): Promise<void>;
  unpin(lane: Lane, parts: { parallelism: boolean; rate: boolean }): Promise<void>;
  /** Begins a new window now. */
  resetRate(lane: Lane): Promise<void>;
  shardOf(lane: Lane): number;
}

/** A slot is free again after this time, in case its dispatcher died. A running attempt renews its lease. */
export const leaseMs = 30_000;
/** How long a flow-control key is known after its last message. */
const idleMs = 60_000;
/** A message that waits to be woken asks by itself after this time, in case the wake-up was lost. */
const parkedMs = 3_600_000;
/** A lane in which nothing has happened for this time is swept. */
const staleMs = 3000;
/** Number of lanes that each sweep checks besides, at random, because busy lanes are never stale. */
const busyAtOnce = 10;

/** The fields of a lane's hash, in the order in which `lane.lua` takes their names. */
const fields = {
  parallelism: 'parallelism',
  rate: 'rate',
  period: 'period',
  windowStart: 'windowStart',
  rateCount: 'rateCount',
  paused: 'paused',
  pinnedParallelism: 'pinnedParallelism',
  pinnedRate: 'pinnedRate',
  turn: 'turn',
} as const;
const fieldNames = Object.values(fields);
/** Fields of a queue's hash that no script reads. */
const queueFields = { createdAt: 'createdAt', updatedAt: 'updatedAt' } as const;

export function createLanes(redis: RedisConnection, shards: Shards): Lanes {
  const shardOf = ({ kind, name }: Lane) => shards.of(`${kind}:${name}`);

  const keysOf = (lane: Lane) => {
    const place = [shardOf(lane), lane.kind, lane.name] as const;
    return {
      state: keyspace.lane(...place),
      holders: keyspace.laneHolders(...place),
      waiters: keyspace.laneWaiters(...place),
      parts: (messageId: string) => keyspace.laneParts(...place, messageId),
    };
  };

  async function run(
    step: 'enter' | 'acquire' | 'renew' | 'release' | 'leave' | 'revoke' | 'hold' | 'grant',
    lane: Lane,
    messageId: string,
    part = messageId,
    limits?: FlowControl,
  ): Promise<Slot> {
    const shard = shardOf(lane);
    const keys = keysOf(lane);
    const [has, waitMs, ...woken] = await redis.stepLane(
      keys.state,
      keys.holders,
      keys.waiters,
      keyspace.busyLanes(shard),
      keyspace.flowKeys(shard),
      keys.parts(messageId),
      step,
      `${lane.kind}:${lane.name}`,
      messageId,
      lane.kind === 'flow' ? leaseMs : 0,
      part,
      lane.kind === 'flow' ? idleMs : 0,
      ...fieldNames,
      ...(limits ? [limits.parallelism ?? '', limits.rate ?? '', limits.periodSeconds] : []),
    );
    if (woken.length > 0) await wake(lane, woken);
    if (has === 1) return { has: true };
    const parked = parkedMs + Math.random() * (parkedMs / 10);
    return { has: false, waitMs: waitMs < 0 ? parked : waitMs + 1 };
  }

  /** Wakes messages that were granted a slot. One that does not exist gives it back. */
  async function wake(lane: Lane, messageIds: readonly string[]): Promise<void> {
    const { byShard, unknown } = shards.group(messageIds);
    await Promise.all([
      ...unknown.map((id) => run('revoke', lane, id)),
      ...Array.from(byShard, async ([shard, ids]) => {
        const results = await shards.at(shard).wake(ids);
        for (const [index, result] of results.entries()) {
          if (result === 'missing') await run('revoke', lane, ids[index] ?? '');
        }
      }),
    ]);
  }

  const isAlive = async (messageId: string) => (await shards.find(messageId)?.exists(messageId)) ?? false;

  /** Changes the state of a lane, and grants what the change has made free. */
  async function change(lane: Lane, values: Record<string, number>, removed: readonly string[] = []): Promise<void> {
    const { state } = keysOf(lane);
    const all = lane.kind === 'queue' ? { ...values, [queueFields.updatedAt]: Date.now() } : values;
    const writes: Promise<unknown>[] = [];
    if (Object.keys(all).length > 0) writes.push(redis.hset(state, all));
    if (removed.length > 0) writes.push(redis.hdel(state, ...removed));
    await Promise.all(writes);
    await run('grant', lane, '');
  }

  return {
    shardOf,
    enter: (lane, messageId, limits) => run('enter', lane, messageId, undefined, limits),
    async enterAsleep(lane, messageId) {
      const slot = await run('enter', lane, messageId);
      if (slot.has) await wake(lane, [messageId]);
      return slot;
    },
    acquire: (lane, messageId, limits) => run('acquire', lane, messageId, undefined, limits),
    async renew(lane, messageId) {
      await run('renew', lane, messageId);
    },
    async release(lane, messageId) {
      await run('release', lane, messageId);
    },
    async leave(lane, messageId, part) {
      await run('leave', lane, messageId, part);
    },
    async hold(lane, messageId, part) {
      await run('hold', lane, messageId, part);
    },

    async sweep(shard) {
      const busy = keyspace.busyLanes(shard);
      const moving = await redis.zrandmember(busy, busyAtOnce);
      if (moving.length === 0) return;
      const still = await redis.zrangebyscore(busy, 0, Date.now() - staleMs, 'LIMIT', 0, 100);
      for (const lane of still.map(readLane)) {
        if (lane.kind === 'queue') await freeSlotsOfEnded(lane);
        await run('grant', lane, '');
      }
      for (const lane of moving.map(readLane)) if (lane.kind === 'queue') await freeSlotsOfEnded(lane);
    },

    async expire(shard) {
      await redis.zremrangebyscore(keyspace.flowKeys(shard), '-inf', Date.now());
    },

    async read(lane) {
      const keys = keysOf(lane);
      const [state, holders, waiters, [holder], [waiter]] = await Promise.all([
        redis.hgetall(keys.state),
        redis.zcard(keys.holders),
        redis.zcard(keys.waiters),
        redis.zrange(keys.holders, '0', '0'),
        redis.zrange(keys.waiters, '0', '0'),
      ]);
      const first = holder ?? waiter;
      if (Object.keys(state).length === 0) return undefined;
      const number = (field: string) => Number(state[field] || 0);
      return {
        createdAt: number(queueFields.createdAt),
        updatedAt: number(queueFields.updatedAt),
        parallelism: number(fields.parallelism),
        rate: number(fields.rate),
        periodSeconds: number(fields.period) || 1,
        rateCount: number(fields.rateCount),
        windowStartAt: number(fields.windowStart),
        isPaused: state[fields.paused] === '1',
        isParallelismPinned: state[fields.pinnedParallelism] === '1',
        isRatePinned: state[fields.pinnedRate] === '1',
        holders,
        waiters,
        ...(first === undefined ? {} : { first: first.replace(/^\+/, '') }),
      };
    },

    async create(lane) {
      const { state } = keysOf(lane);
      const now = Date.now();
      // Another process may create the lane at the same time. Its values stay if they were written first.
      await Promise.all([
        redis.hsetnx(state, queueFields.createdAt, now),
        redis.hsetnx(state, queueFields.updatedAt, now),
        redis.hsetnx(state, fields.parallelism, 1),
        redis.hsetnx(state, fields.paused, 0),
      ]);
    },
    exists: async (lane) => (await redis.hexists(keysOf(lane).state, queueFields.createdAt)) === 1,

    async setLimits(lane, limits) {
      await run('grant', lane, '', '', limits);
    },
    configure: (lane, { parallelism, isPaused }) =>
      change(lane, {
        ...(parallelism === undefined ? {} : { [fields.parallelism]: parallelism }),
        ...(isPaused === undefined ? {} : { [fields.paused]: isPaused ? 1 : 0 }),
      }),
    setPaused: (lane, isPaused) =>
      // A flow-control key that is not paused may be forgotten, so that it keeps no field.
      lane.kind === 'flow' && !isPaused
        ? change(lane, {}, [fields.paused])
        : change(lane, { [fields.paused]: isPaused ? 1 : 0 }),
    pin: (lane, { parallelism, rate, periodSeconds }) =>
      change(lane, {
        ...(parallelism === undefined ? {} : { [fields.parallelism]: parallelism, [fields.pinnedParallelism]: 1 }),
        ...(rate === undefined
          ? {}
          : { [fields.rate]: rate, [fields.pinnedRate]: 1, [fields.rateCount]: 0, [fields.windowStart]: Date.now() }),
        ...(periodSeconds === undefined ? {} : { [fields.period]: periodSeconds }),
      }),
    unpin: (lane, { parallelism, rate }) =>
      change(lane, {}, [...(parallelism ? [fields.pinnedParallelism] : []), ...(rate ? [fields.pinnedRate] : [])]),
    resetRate: (lane) => change(lane, { [fields.rateCount]: 0, [fields.windowStart]: Date.now() }),

    async remove(lane) {
      const { state, holders, waiters } = keysOf(lane);
      await redis.del(state, holders, waiters);
      await redis.zrem(keyspace.busyLanes(shardOf(lane)), `${lane.kind}:${lane.name}`);
    },

    async members(lane) {
      const keys = keysOf(lane);
      const lists = await Promise.all([redis.zrange(keys.holders, '0', '-1'), redis.zrange(keys.waiters, '0', '-1')]);
      return lists.flat().map((member) => member.replace(/^\+/, ''));
    },
  };

  /** Slots of a queue have no lease, for its order must survive every crash: those of messages that have ended are freed. */
  async function freeSlotsOfEnded(lane: Lane): Promise<void> {
    const keys = keysOf(lane);
    for (const holder of await redis.zrange(keys.holders, '0', '-1')) {
      const id = holder.replace(/^\+/, '');
      // It was granted the slot, but perhaps not woken.
      if (holder !== id) await wake(lane, [id]);
      // The parts of a message are known, and stored, only when it has ended.
      if (await isAlive(id)) continue;
      for (const part of new Set([id, ...(await redis.smembers(keys.parts(id)))])) {
        if (!(await isAlive(part))) await run('leave', lane, id, part);
      }
    }
  }
}

/** The lane of a member of the busy lanes. */
function readLane(name: string): Lane {
  const kind = name.startsWith('queue:') ? 'queue' : 'flow';
  return { kind, name: name.slice(kind.length + 1) };
}

/** The queue that a message is in, or whose slot it helps to hold. */
export function queueLane(name: string): Lane {
  return { kind: 'queue', name };
}

export function flowLane({ key }: FlowControl): Lane {
  return { kind: 'flow', name: key };
}

/** The lane in which a message waits first. */
export function firstLane({ queueName, flowControl }: Pick<Message, 'queueName' | 'flowControl'>): Lane | undefined {
  if (queueName !== undefined) return queueLane(queueName);
  return flowControl && flowLane(flowControl);
}
