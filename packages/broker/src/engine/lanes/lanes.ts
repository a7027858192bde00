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
export type Turn = { has: true } | { has: false; waitMs: number };

/** Slots of queues and of flow-control keys, and who waits for them (contract D32, D36). */
export interface Lanes {
  /** A new message waits for its turn, or has it already; the limits it brings now count for the whole key. */
  join(lane: Lane, messageId: string, limits?: FlowControl): Promise<Turn>;
  /** The same for a message that sleeps: it is woken if it has its turn already. */
  joinAsleep(lane: Lane, messageId: string): Promise<Turn>;
  /** The attempt begins, if the message has a slot. */
  start(lane: Lane, messageId: string): Promise<Turn>;
  /** The attempt goes on: its slot stays taken. */
  renew(lane: Lane, messageId: string): Promise<void>;
  /** The attempt is over: its slot is free. */
  end(lane: Lane, messageId: string): Promise<void>;
  /** The message needs no slot any more; `part` is one of several things that had to end. */
  leave(lane: Lane, messageId: string, part?: string): Promise<void>;
  /** The slot of a queue stays taken until this part, too, has ended. */
  hold(lane: Lane, messageId: string, part: string): Promise<void>;
  /** Grants what is free, after a change of the lane's limits, or with such a change. */
  refresh(lane: Lane, limits?: FlowControl): Promise<void>;
  /** Heals every lane of a shard in which messages wait and nothing has happened for a while. */
  sweep(shard: number): Promise<void>;
  /** The lane's state as Redis has it, how many messages hold a slot, and how many wait; by its name. */
  read(lane: Lane): Promise<{ state: Record<string, string>; holders: number; waiters: number }>;
  members(lane: Lane): Promise<string[]>;
  /** Forgets a lane that has no messages. */
  remove(lane: Lane): Promise<void>;
  shardOf(lane: Lane): number;
}

/** A slot whose dispatcher is gone is free again after this time. A running attempt renews it. */
export const leaseMs = 30_000;
/** How long a flow-control key is known after its last message. */
const idleMs = 60_000;
/** A message that will be woken asks by itself after this time, in case that was forgotten. */
const parkedMs = 3_600_000;
/** A lane in which nothing has happened for so long is looked after. */
const staleMs = 3000;
/** Of the lanes that never stand still so many are looked after in each sweep. */
const busyAtOnce = 10;

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
    step: 'join' | 'start' | 'renew' | 'end' | 'leave' | 'drop' | 'hold' | 'sweep',
    lane: Lane,
    messageId: string,
    part = messageId,
    limits?: FlowControl,
  ): Promise<Turn> {
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
      ...(limits ? [limits.parallelism ?? '', limits.rate ?? '', limits.periodSeconds] : []),
    );
    if (woken.length > 0) await wake(lane, woken);
    if (has === 1) return { has: true };
    const parked = parkedMs + Math.random() * (parkedMs / 10);
    return { has: false, waitMs: waitMs < 0 ? parked : waitMs + 1 };
  }

  /** Wakes messages that were granted a slot. One that does not exist gives it back. */
  async function wake(lane: Lane, messageIds: readonly string[]): Promise<void> {
    const byShard = new Map<number, string[]>();
    for (const id of messageIds) {
      const shard = shards.shardOf(id) ?? 0;
      byShard.set(shard, [...(byShard.get(shard) ?? []), id]);
    }
    await Promise.all(
      Array.from(byShard, async ([shard, ids]) => {
        const results = await shards.at(shard).wake(ids);
        for (const [index, result] of results.entries()) {
          if (result === 'missing') await run('drop', lane, ids[index] ?? '');
        }
      }),
    );
  }

  const exists = (messageId: string) => shards.at(shards.shardOf(messageId) ?? 0).exists(messageId);

  return {
    shardOf,
    join: (lane, messageId, limits) => run('join', lane, messageId, undefined, limits),
    async joinAsleep(lane, messageId) {
      const turn = await run('join', lane, messageId);
      if (turn.has) await wake(lane, [messageId]);
      return turn;
    },
    start: (lane, messageId) => run('start', lane, messageId),
    async renew(lane, messageId) {
      await run('renew', lane, messageId);
    },
    async end(lane, messageId) {
      await run('end', lane, messageId);
    },
    async leave(lane, messageId, part) {
      await run('leave', lane, messageId, part);
    },
    async hold(lane, messageId, part) {
      await run('hold', lane, messageId, part);
    },
    async refresh(lane, limits) {
      await run('sweep', lane, '', '', limits);
    },

    async sweep(shard) {
      await redis.zremrangebyscore(keyspace.flowKeys(shard), '-inf', Date.now());
      const busy = keyspace.busyLanes(shard);
      const still = await redis.zrangebyscore(busy, 0, Date.now() - staleMs, 'LIMIT', 0, 100);
      for (const lane of still.map(readLane)) {
        if (lane.kind === 'queue') await dropGhosts(lane);
        await run('sweep', lane, '');
      }
      const moving = (await redis.zrandmember(busy, busyAtOnce)).map(readLane);
      for (const lane of moving) if (lane.kind === 'queue') await dropGhosts(lane);
    },

    async read(lane) {
      const keys = keysOf(lane);
      const [state, holders, waiters] = await Promise.all([
        redis.hgetall(keys.state),
        redis.zcard(keys.holders),
        redis.zcard(keys.waiters),
      ]);
      return { state, holders, waiters };
    },

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
  async function dropGhosts(lane: Lane): Promise<void> {
    const keys = keysOf(lane);
    for (const holder of await redis.zrange(keys.holders, '0', '-1')) {
      const id = holder.replace(/^\+/, '');
      // It was granted the slot: perhaps nobody woke it.
      if (holder !== id) await wake(lane, [id]);
      // Only of a message that has ended all parts are known, and stored.
      if (await exists(id)) continue;
      for (const part of new Set([id, ...(await redis.smembers(keys.parts(id)))])) {
        if (!(await exists(part))) await run('leave', lane, id, part);
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
