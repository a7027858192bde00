import type { Overview } from '@posthorn/shared';
import { hidePassword, parseCreatedAt } from '@posthorn/shared';
import { countFlowKeys, listFlowKeys } from '../../engine/lanes/flow-keys.ts';
import { readLogExtent } from '../../engine/log/log-extent.ts';
import { countPaused, listBusyLanes } from '../../engine/lanes/lane-position.ts';
import type { Backlogs } from '../metrics/backlog.ts';
import { findOldestDue, readDue, type DueMessage } from '../metrics/oldest-due.ts';
import type { Queues } from '../queues/queues.ts';
import type { RedisConnection } from '../../engine/redis/connect.ts';
import { keyspace } from '../../engine/redis/keyspace.ts';
import type { Shards } from '../../engine/shards/shards.ts';
import type { Dispatchers } from '../stats/dispatchers.ts';
import type { PendingSample } from './pending-sample.ts';

export interface OverviewParts {
  redis: RedisConnection;
  shards: Shards;
  backlogs: Backlogs;
  queues: Queues;
  dispatchers: Dispatchers;
  countSchedules: () => Promise<Overview['schedules']>;
  sample: PendingSample;
}

/** Lanes of a shard that are looked at. */
const maxLanes = 200;
/** First messages of lanes that are read, at most. */
const maxFirsts = 20;
/** What the first message of a lane waits for. */
const laneKinds = { queue: 'queued', flow: 'limited' } as const;
/** Flow-control keys whose state is read to count those that are paused. */
const maxKeys = 1000;

/** The state of the whole system but for Redis, whose memory and durability the API adds. */
export type SystemState = Omit<Overview, 'redis'>;

export function createOverview(parts: OverviewParts): () => Promise<SystemState> {
  const { redis, shards, backlogs, queues, dispatchers, sample } = parts;
  const all = Array.from({ length: shards.count }, (_, shard) => shard);

  async function readDlq(): Promise<Overview['dlq']> {
    const lists = await Promise.all(
      all.map(async (shard) => {
        const key = keyspace.dlq(shard);
        const [count, [, oldest]] = await Promise.all([redis.zcard(key), redis.zrange(key, '0', '0', 'WITHSCORES')]);
        return { count, oldest: oldest === undefined ? Infinity : Number(oldest) };
      }),
    );
    const oldest = Math.min(...lists.map((list) => list.oldest));
    const count = lists.reduce((sum, list) => sum + list.count, 0);
    return { count, ...(oldest === Infinity ? {} : { oldest }) };
  }

  async function readKeys(): Promise<{ keys: number; paused: number }> {
    const counts = await Promise.all(
      all.map(async (shard) => {
        const [count, keys] = await Promise.all([
          countFlowKeys(redis, shard),
          listFlowKeys(redis, shard, Math.ceil(maxKeys / shards.count)),
        ]);
        return { count, paused: await countPaused(redis, shard, keys) };
      }),
    );
    return {
      keys: counts.reduce((sum, { count }) => sum + count, 0),
      paused: counts.reduce((sum, { paused }) => sum + paused, 0),
    };
  }

  /** The message that is due and waits longest, for a dispatcher or as the first one of a lane. */
  async function findOldest(lanes: Awaited<ReturnType<typeof listBusyLanes>>): Promise<Overview['oldestWaiting']> {
    let oldest: (DueMessage & { kind: NonNullable<Overview['oldestWaiting']>['kind'] }) | undefined;
    for (const due of await Promise.all(all.map((shard) => findOldestDue(redis, shards, shard)))) {
      if (due && (!oldest || due.since < oldest.since)) oldest = { ...due, kind: 'due' };
    }
    const firsts = lanes
      .flatMap(({ lane, firstWaiter: id }) => (id === undefined ? [] : [{ id, kind: laneKinds[lane.kind] }]))
      .sort((a, b) => parseCreatedAt(a.id) - parseCreatedAt(b.id))
      .slice(0, maxFirsts);
    for (const { id, kind } of firsts) {
      // No message is due before it was created, so that few of them need to be read.
      if (oldest && parseCreatedAt(id) > oldest.since) break;
      const delivery = await shards.find(id)?.get(id);
      const due = delivery && (await readDue(redis, delivery));
      if (due && (!oldest || due.since <= oldest.since)) oldest = { ...due, kind };
    }
    return (
      oldest && {
        ...(oldest.message.workflow ? { workflowRunId: oldest.message.workflow.runId } : { messageId: oldest.id }),
        since: oldest.since,
        url: hidePassword(oldest.message.url),
        kind: oldest.kind,
      }
    );
  }

  return async () => {
    const [backlog, sampled, dlq, schedules, keys, log, running, listed, busy] = await Promise.all([
      Promise.all(all.map((shard) => backlogs.read(shard))),
      sample.read(),
      readDlq(),
      parts.countSchedules(),
      readKeys(),
      readLogExtent(redis),
      dispatchers.list(),
      queues.list(),
      Promise.all(all.map((shard) => listBusyLanes(redis, shard, maxLanes))),
    ]);
    const lanes = busy.flat();
    const sum = (name: 'waiting' | 'delayed' | 'due' | 'inFlight') =>
      backlog.reduce((total, one) => total + one[name], 0);
    const waitersOf = (kind: string) =>
      lanes.filter(({ lane }) => lane.kind === kind).reduce((total, { waiters }) => total + waiters, 0);
    const asleep = Math.max(0, sum('delayed') - sum('due'));
    const inLanes = Math.min(asleep, waitersOf('queue') + waitersOf('flow'));
    const retrying = Math.min(
      asleep - inLanes,
      Math.round(sampled.reduce((total, one) => total + (one.isAsleep && one.retried > 0 ? one.weight : 0), 0)),
    );
    const { entries: lines, ...extent } = log;
    const oldestWaiting = await findOldest(lanes);
    return {
      time: Date.now(),
      waiting: sum('waiting') + sum('due') + inLanes,
      delayed: asleep - inLanes - retrying,
      inFlight: sum('inFlight'),
      retrying,
      ...(oldestWaiting ? { oldestWaiting } : {}),
      dlq,
      queues: {
        count: listed.length,
        paused: listed.filter(({ paused }) => paused).length,
        lag: listed.reduce((total, { lag }) => total + lag, 0),
      },
      schedules,
      flowControl: { ...keys, waiting: waitersOf('flow') },
      dispatchers: running,
      log: { lines, ...extent },
    };
  };
}
