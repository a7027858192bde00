import { hidePassword, parseShard, type FindHit } from '@posthorn/shared';
import { parseDlqId } from '../dlq/dlq-list.ts';
import type { LogStore } from '../../engine/log/log-store.ts';
import type { RedisConnection } from '../../engine/redis/connect.ts';
import { listFlowKeys } from '../../engine/lanes/flow-keys.ts';
import { keyspace } from '../../engine/redis/keyspace.ts';
import type { Shards } from '../../engine/shards/shards.ts';
import type { StatsReader } from '../stats/read-stats.ts';

export interface FindParts {
  redis: RedisConnection;
  shards: Shards;
  logs: LogStore;
  stats: StatsReader;
}

const maxHits = 10;
/** Flow-control keys of a shard that are looked through. */
const maxKeys = 2000;

/** Finds what a person means by a text: an id in full, or a part of a name. Exact matches come first. */
export function createFind(parts: FindParts): (text: string) => Promise<FindHit[]> {
  const { redis, shards, logs, stats } = parts;
  const all = Array.from({ length: shards.count }, (_, shard) => shard);

  async function findById(text: string): Promise<FindHit[]> {
    if (parseShard(text) !== undefined) {
      // Messages of workflow runs have no entries of their own, and no page.
      const { entries } = await logs.read(text);
      return entries.length > 0 ? [{ kind: 'message', id: text, title: text }] : [];
    }
    const dlqId = parseDlqId(text);
    if (!dlqId) return [];
    const isThere = await redis.hexists(keyspace.dlqEntries(dlqId.n % shards.count), text);
    return isThere === 1 ? [{ kind: 'deadLetter', id: text, title: text }] : [];
  }

  const listQueues = async () => (await Promise.all(all.map((shard) => redis.smembers(keyspace.queues(shard))))).flat();
  const listKeys = async () => {
    const lists = await Promise.all(all.map((shard) => listFlowKeys(redis, shard, maxKeys)));
    return lists.flat();
  };

  return async (text) => {
    const byId = await findById(text);
    if (byId.length > 0) return byId;
    if (/^https?:\/\/./i.test(text) && URL.canParse(text)) {
      const shown = hidePassword(text);
      const { hostname } = new URL(text);
      return [
        { kind: 'url', id: shown, title: shown },
        { kind: 'host', id: hostname, title: hostname },
      ];
    }
    const [queues, groups, schedules, keys, hosts, labels] = await Promise.all([
      listQueues(),
      redis.hkeys(keyspace.urlGroups),
      redis.zrange(keyspace.dueSchedules, '0', '-1'),
      listKeys(),
      stats.listValues('host'),
      stats.listValues('label'),
    ]);
    const kinds: [FindHit['kind'], readonly string[]][] = [
      ['queue', queues],
      ['urlGroup', groups],
      ['schedule', schedules],
      ['flowControlKey', keys],
      ['host', hosts],
      ['label', labels],
    ];
    const wanted = text.toLowerCase();
    const hits = kinds.flatMap(([kind, names]) =>
      names
        .filter((name) => name.toLowerCase().includes(wanted))
        .sort((a, b) => rank(a, wanted) - rank(b, wanted) || a.localeCompare(b))
        .slice(0, maxHits)
        .map((name) => ({ kind, id: name, title: name })),
    );
    return hits.sort((a, b) => rank(a.id, wanted) - rank(b.id, wanted)).slice(0, maxHits);
  };
}

/** 0 for the name itself, 1 for one that begins so, 2 for others. */
function rank(name: string, wanted: string): number {
  const lower = name.toLowerCase();
  return lower === wanted ? 0 : lower.startsWith(wanted) ? 1 : 2;
}
