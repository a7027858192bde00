import { setImmediate } from 'node:timers/promises';
import type { DlqCause, DlqFilter } from '@posthorn/shared';
import { readHostHash } from '../../engine/log/digest.ts';
import type { RedisConnection } from '../../engine/redis/connect.ts';
import { keyspace } from '../../engine/redis/keyspace.ts';
import type { Shards } from '../../engine/shards/shards.ts';
import { readHost } from '../stats/counter.ts';
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
const lookAtOnce = 5000;
const maxGroups = 100;

interface Group {
  count: number;
  oldest: number;
  newest: number;
  newestId: string;
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
    for (let shard = 0; shard < shards.count; shard++) {
      for (let from = 0; ; from += lookAtOnce) {
        const members = await redis.zrangeBuffer(keyspace.dlq(shard), String(from), String(from + lookAtOnce - 1));
        for (const member of members) {
          const ms = readMs(member);
          if (ms >= oldest) visit(member, member.indexOf(colon) + 1, ms);
        }
        if (members.length < lookAtOnce) break;
        await setImmediate();
      }
    }
  }

  async function describe([cause, { count, oldest, newest, newestId }]: [string, Group]): Promise<
    DlqCause | undefined
  > {
    const letter = await read(newestId);
    if (!letter) return undefined;
    const { message, status, error } = letter;
    return {
      cause,
      host: readHost(message.url),
      ...(status > 0 ? { responseStatus: status } : {}),
      error: error ?? (status > 0 ? `the destination answered ${status}` : 'unknown'),
      count,
      oldest,
      newest,
      sampleDlqId: newestId,
    };
  }

  return {
    async summarize(filter) {
      const { fromDate = 0, toDate = Infinity } = filter;
      const groups = new Map<string, Group>();
      let total = 0;
      const add = (member: Buffer, digestAt: number, ms: number) => {
        total++;
        const key = readCause(member, digestAt);
        const group = groups.get(key);
        if (!group) {
          groups.set(key, { count: 1, oldest: ms, newest: ms, newestId: readId(member) });
          return;
        }
        group.count++;
        if (ms < group.oldest) group.oldest = ms;
        if (ms >= group.newest) {
          group.newest = ms;
          group.newestId = readId(member);
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
      const largest = [...groups].sort(([, a], [, b]) => b.count - a.count).slice(0, maxGroups);
      const causes = (await Promise.all(largest.map(describe))).filter((cause) => cause !== undefined);
      return { total, groups: causes };
    },

    async countByHost() {
      const counts = new Map<number, number>();
      await walk((member, digestAt) => {
        if (digestAt === 0) return;
        const hash = readHostHash(member, digestAt);
        counts.set(hash, (counts.get(hash) ?? 0) + 1);
      });
      return counts;
    },
  };
}

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
