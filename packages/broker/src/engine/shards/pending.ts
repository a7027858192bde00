import type { Message } from '@posthorn/shared';
import type { RedisConnection } from '../redis/connect.ts';
import { keyspace } from '../redis/keyspace.ts';
import { scorePerMs } from './shard.ts';
import { parseMessage } from './unreadable.ts';

/** What a message that has not ended does. `wakesAt`: when a sleeping one is due, in milliseconds since 1970. */
export type PendingState = { kind: 'in-flight' } | { kind: 'waiting' } | { kind: 'asleep'; wakesAt: number };

/** Finds a message that has not ended; `undefined` for others. Costs the same however many messages wait. */
export async function findPending(
  redis: RedisConnection,
  shard: number,
  id: string,
): Promise<PendingState | undefined> {
  const prefix = keyspace.bullmq(shard);
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
export interface SampledMessage {
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
export async function samplePending(
  redis: RedisConnection,
  shard: number,
  maxPerList = maxOfList,
): Promise<SampledMessage[]> {
  const prefix = keyspace.bullmq(shard);
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
  const found = await Promise.all(
    lists.map(async (ids, list) => {
      const weight = Math.max(1, (counts[list] ?? 0) / Math.max(1, ids.length));
      const rows = await Promise.all(ids.map((id) => redis.hmget(prefix + id, 'data', 'atm')));
      return rows.flatMap(([data, retried], index): SampledMessage[] => {
        const message = parseMessage(data ?? null);
        if (!message) return [];
        const state = { isInFlight: list === 0, isAsleep: list === 2 };
        return [{ id: ids[index] ?? '', message, retried: Number(retried ?? 0), ...state, weight }];
      });
    }),
  );
  return found.flat();
}
