import type { FlowControl, Message } from '@posthorn/shared';
import type { RedisConnection } from '../redis/connect.ts';
import { keyspace } from '../redis/keyspace.ts';
import type { Shards } from '../shards/shards.ts';
import { createLaneSettings, type LaneSettings } from './lane-settings.ts';
import { laneFields, laneKeys, memberId, queueLane, type Lane } from './lane.ts';

export { queueLane, type Lane } from './lane.ts';

/** Whether a message has a slot; if not, when it asks again unless it is woken before. */
export type Slot = { has: true } | { has: false; waitMs: number };

/**
 * Slots of queues and of flow-control keys, and the messages that wait for them (contract D32, D36). This folder alone
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
 * | waiting | waiters, by position  | it sleeps until a grant wakes it                                          |
 * | granted | holders, as `+<id>`   | it has a slot and was woken; it has not begun an attempt                  |
 * | running | holders, as `<id>`    | an attempt is in flight, or, in a queue, the message waits for its retry  |
 *
 * A slot of a flow-control key is for one attempt and has a lease. A slot of a queue is for the life of a message and of
 * what `hold` adds to it; it has no lease, for the order must survive every crash: `sweep` frees those of messages that
 * have ended. Every step may be repeated, and grants what has become free, the message that has waited longest first.
 */
export interface Lanes extends LaneSettings {
  /** A new message waits for a slot, or has one already; the limits it brings now count for the whole key. */
  enter(lane: Lane, messageId: string, limits?: FlowControl): Promise<Slot>;
  /** The same for a message that may turn out to be a duplicate: its limits count only if the key has none. */
  enterUnsure(lane: Lane, messageId: string, limits: FlowControl): Promise<{ slot: Slot; keepsOtherLimits: boolean }>;
  /** The same for a message that sleeps: it is woken if it has a slot already. */
  enterAsleep(lane: Lane, messageId: string): Promise<Slot>;
  /** A message that is about to be stored enters the queue when it is due, in ms; of several, the one accepted first. */
  delay(lane: Lane, messageId: string, dueAt: number): Promise<void>;
  /**
   * The attempt begins, if the message has a slot; else it waits for one. The limits that it brought count again if the key
   * was forgotten since: nothing was delivered for it while the message slept.
   */
  acquire(lane: Lane, messageId: string, limits?: FlowControl): Promise<Slot>;
  /** The attempt continues: its lease starts again. */
  renew(lane: Lane, messageId: string): Promise<void>;
  /** The attempt is over: its slot is free. */
  release(lane: Lane, messageId: string): Promise<void>;
  /** The message needs no slot any more. `part` is one of several messages that share its slot. */
  leave(lane: Lane, messageId: string, part?: string): Promise<void>;
  /** The slot of a queue stays taken until this part, too, has left. */
  hold(lane: Lane, messageId: string, part: string): Promise<void>;
  /**
   * Repairs every lane of a shard in which messages wait and nothing has happened for `staleMs`. Says whether the shard has
   * any lane in use.
   */
  sweep(shard: number): Promise<boolean>;
  /**
   * Removes the keys of a shard that are forgotten from the list of keys, and delayed messages that were never stored, or
   * have ended, from their queues.
   */
  expire(shard: number): Promise<void>;
  /** The keys of a shard without which `sweep` finds nothing, and those without which `expire` finds nothing. */
  upkeepKeys(shard: number): { swept: string[]; expiring: string[] };

  shardOf(lane: Lane): number;
}

/** A slot is free again after this time, in case its dispatcher died. A running attempt renews its lease. */
export const leaseMs = 30_000;
/** How long a flow-control key is known after its last message. */
const idleMs = 60_000;
/** So many messages that are granted slots at once are woken one after the other, each with a call of its own. */
const wokenInOrder = 32;
/** A message that waits to be woken asks by itself after this time, in case the wake-up was lost. */
const parkedMs = 3_600_000;
/** A lane in which nothing has happened for this time is swept. */
const staleMs = 3000;
/** A delayed message that has not entered its queue this long after it was due is looked for, and so many at once. */
const lateMs = 60_000;
const lateAtOnce = 100;
/** Queues of a shard in which such messages are looked for at a time. */
const queuesAtOnce = 20;
/** Number of lanes that each sweep checks besides, at random, because busy lanes are never stale. */
const busyAtOnce = 10;

const fieldNames = Object.values(laneFields);

type Step = 'delay' | 'enter' | 'acquire' | 'renew' | 'release' | 'leave' | 'revoke' | 'hold' | 'grant';

export function createLanes(redis: RedisConnection, shards: Shards): Lanes {
  const shardOf = ({ kind, name }: Lane) => shards.of(`${kind}:${name}`);

  const keysOf = (lane: Lane) => laneKeys(shardOf(lane), lane);

  async function run(step: Step, lane: Lane, messageId: string, part?: string, limits?: FlowControl): Promise<Slot> {
    // When an attempt begins, the limits of a later message may have replaced those of its message.
    return (await runWith(step, lane, messageId, part, limits, step === 'acquire')).slot;
  }

  async function runWith(
    step: Step,
    lane: Lane,
    messageId: string,
    part = messageId,
    limits?: FlowControl,
    countsOnlyWithoutLimits = false,
  ): Promise<{ slot: Slot; keepsOtherLimits: boolean }> {
    const shard = shardOf(lane);
    const keys = keysOf(lane);
    const [has, waitMs, keepsOther, ...woken] = await redis.stepLane(
      keys.state,
      keys.holders,
      keys.waiters,
      keyspace.busyLanes(shard),
      keyspace.flowKeys(shard),
      keys.parts(messageId),
      keys.delayed,
      step,
      `${lane.kind}:${lane.name}`,
      messageId,
      lane.kind === 'flow' ? leaseMs : 0,
      part,
      lane.kind === 'flow' ? idleMs : 0,
      ...fieldNames,
      ...(limits
        ? [limits.parallelism ?? '', limits.rate ?? '', limits.periodSeconds, countsOnlyWithoutLimits ? '1' : '0']
        : []),
    );
    if (woken.length > 0) await wake(lane, woken);
    const keepsOtherLimits = keepsOther === 1;
    if (has === 1) return { slot: { has: true }, keepsOtherLimits };
    const parked = parkedMs + Math.random() * (parkedMs / 10);
    return { slot: { has: false, waitMs: waitMs < 0 ? parked : waitMs + 1 }, keepsOtherLimits };
  }

  /** Wakes messages that were granted a slot. One that does not exist gives it back. */
  async function wake(lane: Lane, messageIds: readonly string[]): Promise<void> {
    // Together they would start in any order.
    if (messageIds.length <= wokenInOrder) for (const id of messageIds) await wakeTogether(lane, [id]);
    else await wakeTogether(lane, messageIds);
  }

  async function wakeTogether(lane: Lane, messageIds: readonly string[]): Promise<void> {
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

  const grant = (lane: Lane, limits?: FlowControl) => run('grant', lane, '', '', limits);

  return {
    ...createLaneSettings({ redis, shardOf, grant }),
    shardOf,
    enter: (lane, messageId, limits) => run('enter', lane, messageId, undefined, limits),
    enterUnsure: (lane, messageId, limits) => runWith('enter', lane, messageId, undefined, limits, true),
    async enterAsleep(lane, messageId) {
      const slot = await run('enter', lane, messageId);
      if (slot.has) await wake(lane, [messageId]);
      return slot;
    },
    async delay(lane, messageId, dueAt) {
      await run('delay', lane, messageId, String(dueAt));
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

    upkeepKeys: (shard) => ({
      swept: [keyspace.busyLanes(shard)],
      expiring: [keyspace.queues(shard), keyspace.flowKeys(shard)],
    }),

    async sweep(shard) {
      const busy = keyspace.busyLanes(shard);
      const moving = await redis.zrandmember(busy, busyAtOnce);
      if (moving.length === 0) return false;
      const still = await redis.zrangebyscore(busy, 0, Date.now() - staleMs, 'LIMIT', 0, 100);
      for (const lane of still.map(parseLane)) {
        if (lane.kind === 'queue') await freeSlotsOfEnded(lane);
        await run('grant', lane, '');
      }
      for (const lane of moving.map(parseLane)) if (lane.kind === 'queue') await freeSlotsOfEnded(lane);
      return true;
    },

    async expire(shard) {
      const now = Date.now();
      const [names] = await Promise.all([
        redis.smembers(keyspace.queues(shard)),
        redis.zremrangebyscore(keyspace.flowKeys(shard), '-inf', now),
      ]);
      const from = Math.floor(Math.random() * names.length);
      const some = [...names.slice(from), ...names.slice(0, from)].slice(0, queuesAtOnce);
      await Promise.all(some.map((name) => freeLate(queueLane(name), now)));
    },
  };

  /** Delayed messages that have not entered although they are due: those that were never stored, or ended, never will. */
  async function freeLate(lane: Lane, now: number): Promise<void> {
    const late = await redis.zrangebyscore(keysOf(lane).delayed, 0, now - lateMs, 'LIMIT', 0, lateAtOnce);
    for (const id of late) if (!(await isAlive(id))) await run('leave', lane, id);
  }

  /** Slots of a queue have no lease, for its order must survive every crash: those of messages that have ended are freed. */
  async function freeSlotsOfEnded(lane: Lane): Promise<void> {
    const keys = keysOf(lane);
    for (const holder of await redis.zrange(keys.holders, '0', '-1')) {
      const id = memberId(holder);
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
function parseLane(name: string): Lane {
  const kind = name.startsWith('queue:') ? 'queue' : 'flow';
  return { kind, name: name.slice(kind.length + 1) };
}

export function flowLane({ key }: Pick<FlowControl, 'key'>): Lane {
  return { kind: 'flow', name: key };
}

/** The lane in which a message waits first. */
export function firstLane({ queueName, flowControl }: Pick<Message, 'queueName' | 'flowControl'>): Lane | undefined {
  if (queueName !== undefined) return queueLane(queueName);
  return flowControl && flowLane(flowControl);
}
