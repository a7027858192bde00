import { setImmediate } from 'node:timers/promises';
import { namesEntries, type DlqCause, type DlqFilter } from '@posthorn/shared';
import { digestBytes, readHostHash } from '../../engine/log/digest.ts';
import type { RedisConnection } from '../../engine/redis/connect.ts';
import { keyspace } from '../../engine/redis/keyspace.ts';
import type { Shards } from '../../engine/shards/shards.ts';
import { hostOf } from '../stats/counter.ts';
import type { DeadLetter } from './dlq.ts';
import { createEntryTest, listDlqIds, readCause } from './dlq-list.ts';

/** Dead letters, counted without reading them: by what their list says of each. */
export interface DlqSummary {
  /** Causes, the most frequent first. Filters compare hashes: very few entries that do not match may be counted. */
  summarize(filter: DlqFilter): Promise<{ total: number; groups: DlqCause[] }>;
  /** Entries by the hash of their host (`hashField`). */
  countByHost(): Promise<Map<number, number>>;
}

/** Entries that are looked at in one turn of the event loop. */
const lookAtOnce = 2000;
const maxGroups = 100;

interface Group {
  count: number;
  oldest: number;
  newest: number;
  /** The entry in its list. To make a text of the id of each entry would cost more than all the rest. */
  last: Buffer;
  digestAt: number;
}

/** @param read reads one entry */
export function createDlqSummary(
  redis: RedisConnection,
  shards: Shards,
  retentionMs: number,
  read: (dlqId: string) => Promise<DeadLetter | undefined>,
): DlqSummary {
  /** Every member of every list, with where its digest begins (0 for none) and its time. */
  async function walk(visit: (member: Buffer, digestAt: number, ms: number) => void): Promise<void> {
    const oldest = Date.now() - retentionMs;
    const walkShard = async (shard: number) => {
      for (let from = 0; ; from += lookAtOnce) {
        const members = await redis.zrangeBuffer(keyspace.dlq(shard), String(from), String(from + lookAtOnce - 1));
        for (const member of members) {
          const ms = readMs(member);
          if (ms >= oldest) visit(member, member.indexOf(colon) + 1, ms);
        }
        if (members.length < lookAtOnce) return;
        await setImmediate();
      }
    };
    // While one piece is looked at, the next ones are on their way; other callers come between.
    await Promise.all(Array.from({ length: shards.count }, (_, shard) => walkShard(shard)));
  }

  async function describe({ count, oldest, newest, last, digestAt }: Group): Promise<DlqCause | undefined> {
    const newestId = readId(last);
    const cause = readCause(last, digestAt);
    const letter = await read(newestId);
    if (!letter) return undefined;
    const { message, status, error } = letter;
    return {
      cause,
      host: hostOf(message.url),
      ...(status > 0 ? { responseStatus: status } : {}),
      error: error ?? (status > 0 ? `the destination answered ${status}` : 'unknown'),
      count,
      oldest,
      newest,
      sampleDlqId: newestId,
    };
  }

  const summarizeAll = createRefreshed(() => summarize({ count: 0, order: 'earliestFirst', maxBytes: 0 }));
  const countAll = createRefreshed(countByHost);
  return { summarize: (filter) => (namesEntries(filter) ? summarize(filter) : summarizeAll()), countByHost: countAll };

  async function summarize(filter: DlqFilter): Promise<{ total: number; groups: DlqCause[] }> {
    const { fromDate = 0, toDate = Infinity } = filter;
    const groups = new Map<number, Group>();
    let total = 0;
    const add = (member: Buffer, digestAt: number, ms: number) => {
      total++;
      const key = readCauseKey(member, digestAt);
      const group = groups.get(key);
      if (!group) {
        groups.set(key, { count: 1, oldest: ms, newest: ms, last: member, digestAt });
        return;
      }
      group.count++;
      if (ms < group.oldest) group.oldest = ms;
      if (ms >= group.newest) {
        group.newest = ms;
        group.last = member;
        group.digestAt = digestAt;
      }
    };
    const { dlqIds, messageId } = filter;
    let named: Set<string> | undefined;
    if (dlqIds) named = new Set(dlqIds);
    else if (messageId) {
      named = new Set();
      for await (const id of listDlqIds(redis, shards, filter, Date.now() - retentionMs)) named.add(id);
    }
    const test = createEntryTest(filter);
    await walk((member, digestAt, ms) => {
      if (named ? !named.has(readId(member)) : ms < fromDate || ms > toDate || (test && !test(member))) return;
      add(member, digestAt, ms);
    });
    const largest = [...groups.values()].sort((a, b) => b.count - a.count).slice(0, maxGroups);
    const causes = (await Promise.all(largest.map(describe))).filter((cause) => cause !== undefined);
    return { total, groups: causes };
  }

  async function countByHost(): Promise<Map<number, number>> {
    const counts = new Map<number, number>();
    await walk((member, digestAt) => {
      if (digestAt === 0) return;
      const hash = readHostHash(member, digestAt);
      counts.set(hash, (counts.get(hash) ?? 0) + 1);
    });
    return counts;
  }
}

/**
 * Counting reads every entry. A result that is older than `freshMs` is given while a newer one is made, one that is
 * older than `maxAgeMs` never.
 */
const freshMs = 1000;
const maxAgeMs = 15_000;

/** The result of `read`, at most some seconds old. */
function createRefreshed<T>(read: () => Promise<T>): () => Promise<T> {
  let last: { result: T; at: number; tookMs: number } | undefined;
  let reading: Promise<unknown> = Promise.resolve();
  let next: Promise<T> | undefined;
  const readNow = async () => {
    next = undefined;
    const startedAt = Date.now();
    const result = await read();
    last = { result, at: startedAt, tookMs: Date.now() - startedAt };
    return result;
  };
  /** A reading that has begun may have missed what the caller has just changed, so that all wait for the next one. */
  const refresh = () => {
    if (next) return next;
    const mine = reading.then(readNow, readNow);
    reading = mine;
    return (next = mine);
  };
  return () => {
    const age = last ? Date.now() - last.at : Infinity;
    // Few entries are counted at once, so that what was just retried is not shown any more.
    if (!last || age > maxAgeMs || last.tookMs < quickMs) return refresh();
    if (age > freshMs) refresh().catch(() => undefined);
    return Promise.resolve(last.result);
  };
}
/** A summary that takes less time than this is made for each caller and not remembered. */
const quickMs = 100;

const colon = ':'.charCodeAt(0);
const hyphen = '-'.charCodeAt(0);
const zero = '0'.charCodeAt(0);

/** The time at the start of an id. */
function readMs(member: Buffer): number {
  let ms = 0;
  for (const code of member) {
    if (code === hyphen) break;
    ms = ms * 10 + code - zero;
  }
  return ms;
}

function readId(member: Buffer): string {
  const end = member.indexOf(colon);
  return member.toString('latin1', 0, end < 0 ? member.length : end);
}

/** The cause of an entry as a number: host, status and most of the hash of the error. */
function readCauseKey(member: Buffer, digestAt: number): number {
  if (digestAt === 0) return 0;
  const statusAt = digestAt + digestBytes;
  const error = member.length >= statusAt + 6 ? member.readUInt32LE(statusAt + 2) : 0;
  const hostAndStatus = readHostHash(member, digestAt) * 1024 + (member.readUInt16LE(statusAt) & 1023);
  return hostAndStatus * 2 ** 27 + (error >>> 5);
}
