import type { Message } from '@posthorn/shared';
import type { RedisConnection } from '../redis/connect.ts';
import { keyspace } from '../redis/keyspace.ts';
import { queueName, scorePerMs } from './shard.ts';
import { parseMessage } from './unreadable.ts';

/** Where the job of a message is. `wakesAt`: when a sleeping one is due, in milliseconds since 1970. */
export type JobPlace = { kind: 'in-flight' } | { kind: 'waiting' } | { kind: 'asleep'; wakesAt: number };

const prefixOf = (shard: number) => `${keyspace.shard(shard)}:${queueName}:`;

/** Finds the job of a message; `undefined` when there is none. Costs the same however many messages wait. */
export async function findJobPlace(redis: RedisConnection, shard: number, id: string): Promise<JobPlace | undefined> {
  const prefix = prefixOf(shard);
  const [exists, hasLock, score] = await Promise.all([
    redis.exists(prefix + id),
    redis.exists(`${prefix}${id}:lock`),
    redis.zscore(`${prefix}delayed`, id),
  ]);
  if (exists === 0) return undefined;
  if (hasLock === 1) return { kind: 'in-flight' };
  return score === null ? { kind: 'waiting' } : { kind: 'asleep', wakesAt: Math.floor(Number(score) / scorePerMs) };
}

/** A message that has not ended, in a sample. */
export interface SampledJob {
  id: string;
  message: Message;
  retried: number;
  isInFlight: boolean;
  isAsleep: boolean;
  /** How many messages of its list this one stands for. */
  weight: number;
}

/** Messages of a list that are read at most: with up to 16 KiB each they are a few megabytes. */
const maxOfList = 40;

/**
 * Messages of a shard that have not ended: all, or of each list the first ones and others at even distances, each with
 * the number of messages that it stands for.
 */
export async function sampleJobs(redis: RedisConnection, shard: number, maxPerList = maxOfList): Promise<SampledJob[]> {
  const prefix = prefixOf(shard);
  const [active, waiting, asleep] = await Promise.all([
    redis.llen(`${prefix}active`),
    redis.llen(`${prefix}wait`),
    redis.zcard(`${prefix}delayed`),
  ]);
  const readAll = (key: string) => redis.lrange(key, 0, maxPerList - 1);
  const readSome = async (count: number, read: (from: number, to: number) => Promise<string[]>) => {
    if (count <= maxPerList) return read(0, maxPerList - 1);
    // A few pieces cost less than as many single reads.
    const pieces = 8;
    const pieceSize = Math.ceil(maxPerList / pieces);
    const starts = Array.from({ length: pieces }, (_, piece) =>
      Math.floor((piece * (count - pieceSize)) / (pieces - 1)),
    );
    const found = await Promise.all(starts.map((start) => read(start, start + pieceSize - 1)));
    return [...new Set(found.flat())];
  };
  const lists = await Promise.all([
    readAll(`${prefix}active`),
    readSome(waiting, (from, to) => redis.lrange(`${prefix}wait`, from, to)),
    readSome(asleep, (from, to) => redis.zrange(`${prefix}delayed`, String(from), String(to))),
  ]);
  const counts = [active, waiting, asleep];
  const jobs = await Promise.all(
    lists.map(async (ids, list) => {
      const weight = Math.max(1, (counts[list] ?? 0) / Math.max(1, ids.length));
      const rows = await Promise.all(ids.map((id) => redis.hmget(prefix + id, 'data', 'atm')));
      return rows.flatMap(([data, retried], index): SampledJob[] => {
        const message = parseMessage(data ?? null);
        if (!message) return [];
        const place = { isInFlight: list === 0, isAsleep: list === 2 };
        return [{ id: ids[index] ?? '', message, retried: Number(retried ?? 0), ...place, weight }];
      });
    }),
  );
  return jobs.flat();
}
