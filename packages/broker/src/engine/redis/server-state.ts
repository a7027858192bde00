import type { RedisConnection } from './connect.ts';

/** What Redis promises of a write: `no` leaves it to the operating system, `none` is without an append-only file. */
export type Durability = 'always' | 'everysec' | 'no' | 'none' | 'unknown';

/** What Redis reports. Of a cluster, the node with the worst state and the node with the least room count. */
export interface ServerState {
  version: string;
  isCluster: boolean;
  isReplica: boolean;
  usedBytes: number;
  /** 0 for no limit. */
  maxBytes: number;
  evictionPolicy: string;
  durability: Durability;
  /** The append-only file cannot be written; Redis refuses writes. */
  hasAofFailed: boolean;
  /** The last snapshot could not be written. */
  hasSnapshotFailed: boolean;
  /** Whether Redis refuses writes because of that; `undefined` when posthorn may not know, or nothing has failed. */
  needsSnapshot: boolean | undefined;
  /** Keys in the database that is used. */
  keys: number;
}

const askAgainAfterMs = 60_000;

/** Gives a function that reads the state of Redis: INFO and the settings that matter, of each primary. */
export function createServerReader(redis: RedisConnection, db = 0): () => Promise<ServerState> {
  let forbiddenUntil = 0;

  async function readSetting(node: RedisConnection, name: string): Promise<string | undefined> {
    // Each denied command is an entry in the log of Redis.
    if (Date.now() < forbiddenUntil) return undefined;
    try {
      const [, value] = await node.config('GET', name);
      return value;
    } catch (error) {
      // Not allowed, or renamed.
      if (!/^(NOPERM|ERR unknown)/.test((error as Error).message)) throw error;
      forbiddenUntil = Date.now() + askAgainAfterMs;
      return undefined;
    }
  }

  return async () => {
    const nodes = redis.isCluster
      ? (redis as unknown as { nodes(role: 'master'): RedisConnection[] }).nodes('master')
      : [redis];
    const states = await Promise.all(
      nodes.map(async (node) => {
        const [info, fsync] = await Promise.all([node.info(), readSetting(node, 'appendfsync')]);
        const state = readState(info, db, fsync);
        if (!state.hasSnapshotFailed) return state;
        const [save, stops] = await Promise.all([
          readSetting(node, 'save'),
          readSetting(node, 'stop-writes-on-bgsave-error'),
        ]);
        if (save === undefined || stops === undefined) return state;
        return { ...state, needsSnapshot: save !== '' && stops === 'yes' };
      }),
    );
    return states.reduce(worseOf);
  };
}

function readState(info: string, db: number, fsync: string | undefined): ServerState {
  const read = (name: string) => readField(info, name);
  return {
    version: read('valkey_version') || read('redis_version'),
    isCluster: read('cluster_enabled') === '1',
    isReplica: read('role') === 'slave',
    // What Redis holds for its replicas and its file does not count towards its limit.
    usedBytes: Number(read('used_memory')) - Number(read('mem_not_counted_for_evict')),
    maxBytes: Number(read('maxmemory')),
    evictionPolicy: read('maxmemory_policy'),
    durability: read('aof_enabled') === '1' ? readFsync(fsync) : 'none',
    hasAofFailed: read('aof_last_write_status') === 'err',
    hasSnapshotFailed: read('rdb_last_bgsave_status') === 'err',
    needsSnapshot: undefined,
    keys: Number(/keys=(\d+)/.exec(read(`db${db}`))?.[1] ?? 0),
  };
}

/** A search for a text is a tenth of the work of a regular expression that is made for each name. */
function readField(info: string, name: string): string {
  const at = info.indexOf(`\n${name}:`);
  if (at < 0) return '';
  const from = at + name.length + 2;
  const end = info.indexOf('\n', from);
  return info.slice(from, end < 0 ? undefined : end).trimEnd();
}

function readFsync(value: string | undefined): Durability {
  return value === 'always' || value === 'everysec' || value === 'no' ? value : 'unknown';
}

const fromBest: readonly Durability[] = ['always', 'everysec', 'no', 'none', 'unknown'];

function worseOf(one: ServerState, other: ServerState): ServerState {
  const share = ({ usedBytes, maxBytes }: ServerState) => (maxBytes > 0 ? usedBytes / maxBytes : 0);
  const [fuller, emptier] = share(other) > share(one) ? [other, one] : [one, other];
  const hasFailed = [one, other].filter(({ hasSnapshotFailed }) => hasSnapshotFailed);
  return {
    ...fuller,
    isReplica: one.isReplica || other.isReplica,
    evictionPolicy: fuller.evictionPolicy === 'noeviction' ? emptier.evictionPolicy : fuller.evictionPolicy,
    durability: fromBest[Math.max(...[one, other].map(({ durability }) => fromBest.indexOf(durability)))] ?? 'unknown',
    hasAofFailed: one.hasAofFailed || other.hasAofFailed,
    hasSnapshotFailed: hasFailed.length > 0,
    needsSnapshot: (hasFailed.length > 0 ? hasFailed : [one]).map(({ needsSnapshot }) => needsSnapshot).find(Boolean),
    keys: one.keys + other.keys,
  };
}
