import type { Overview } from '@posthorn/shared';
import { hidePassword } from '@posthorn/shared';
import { readTime, recordBytes } from '../../engine/log/record.ts';
import { countPaused, listBusyLanes } from '../../engine/lanes/lane-place.ts';
import type { Backlogs } from '../metrics/backlog.ts';
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
/** Flow-control keys whose state is read to count those that are paused. */
const maxKeys = 1000;

/** The state of the whole system; what Redis uses is known to the caller. */
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
        const [count, names] = await Promise.all([
          redis.zcount(keyspace.flowKeys(shard), Date.now(), '+inf'),
          redis.zrangebyscore(
            keyspace.flowKeys(shard),
            Date.now(),
            '+inf',
            'LIMIT',
            0,
            Math.ceil(maxKeys / shards.count),
          ),
        ]);
        const keys = names.map((name) => name.slice('flow:'.length));
        return { count, paused: await countPaused(redis, shard, keys) };
      }),
    );
    return {
      keys: counts.reduce((sum, { count }) => sum + count, 0),
      paused: counts.reduce((sum, { paused }) => sum + paused, 0),
    };
  }

  async function readLog(): Promise<Overview['log']> {
    let lines = 0;
    let oldest: number | undefined;
    for (let next = Number(await redis.get(keyspace.logHead)); next > 0; next -= segmentsAtOnce) {
      const numbers = Array.from({ length: Math.min(segmentsAtOnce, next) }, (_, index) => next - index);
      const lengths = await Promise.all(numbers.map((segment) => redis.strlen(keyspace.logSegment(segment))));
      lines += lengths.reduce((sum, length) => sum + Math.floor(length / recordBytes), 0);
      const last = numbers.findLast((_, index) => (lengths[index] ?? 0) >= recordBytes);
      if (last === undefined) break;
      const record = await redis.getrangeBuffer(keyspace.logSegment(last), 0, recordBytes - 1);
      if (record.length === recordBytes) oldest = readTime(record, 0);
    }
    return { lines, ...(oldest === undefined ? {} : { oldest }) };
  }

  /** The message that waits longest: the next one of a shard, or the first one of a lane. */
  async function findOldest(lanes: Awaited<ReturnType<typeof listBusyLanes>>): Promise<Overview['oldestWaiting']> {
    const next = await Promise.all(all.map((shard) => shards.at(shard).next()));
    const candidates = next.flatMap((job) =>
      job
        ? [
            {
              id: job.id,
              since: Math.max(job.message.createdAt, job.message.notBefore),
              url: job.message.url,
              kind: 'due' as const,
            },
          ]
        : [],
    );
    // An id begins with the time of its message, so that few jobs need to be read.
    const firsts = lanes
      .flatMap(({ lane, firstWaiter }) => (firstWaiter === undefined ? [] : [{ kind: lane.kind, id: firstWaiter }]))
      .sort((a, b) => (a.id.slice(0, 14) < b.id.slice(0, 14) ? -1 : 1))
      .slice(0, 5);
    for (const { id, kind } of firsts) {
      const job = await shards.at(shards.shardOf(id) ?? 0).get(id);
      if (!job) continue;
      const since = Math.max(job.message.createdAt, job.message.notBefore);
      candidates.push({ id, since, url: job.message.url, kind: (kind === 'queue' ? 'queued' : 'limited') as 'due' });
    }
    const [oldest] = candidates.sort((a, b) => a.since - b.since);
    return oldest && { messageId: oldest.id, since: oldest.since, url: hidePassword(oldest.url), kind: oldest.kind };
  }

  return async () => {
    const [backlog, jobs, dlq, schedules, keys, log, running, listed, busy] = await Promise.all([
      Promise.all(all.map((shard) => backlogs.read(shard))),
      sample.read(),
      readDlq(),
      parts.countSchedules(),
      readKeys(),
      readLog(),
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
      Math.round(jobs.reduce((total, job) => total + (job.isAsleep && job.retried > 0 ? job.weight : 0), 0)),
    );
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
      log,
    };
  };
}

const segmentsAtOnce = 64;
