import { keyspace } from '../redis/keyspace.ts';

/** What gives messages slots: a named queue, or a flow-control key. */
export interface Lane {
  kind: 'queue' | 'flow';
  name: string;
}

/** The queue that a message is in, or whose slot it helps to hold. */
export function queueLane(name: string): Lane {
  return { kind: 'queue', name };
}

/** The fields of a lane's hash, in the order in which `lane.lua` takes their names. */
export const laneFields = {
  parallelism: 'parallelism',
  rate: 'rate',
  period: 'period',
  windowStart: 'windowStart',
  rateCount: 'rateCount',
  paused: 'paused',
  pinnedParallelism: 'pinnedParallelism',
  pinnedRate: 'pinnedRate',
  lastPosition: 'turn',
} as const;

/** The keys of a lane. */
export interface LaneKeys {
  state: string;
  holders: string;
  waiters: string;
  delayed: string;
  parts(messageId: string): string;
}

export function laneKeys(shard: number, { kind, name }: Lane): LaneKeys {
  return {
    state: keyspace.lane(shard, kind, name),
    holders: keyspace.laneHolders(shard, kind, name),
    waiters: keyspace.laneWaiters(shard, kind, name),
    delayed: keyspace.laneDelayed(shard, kind, name),
    parts: (messageId) => keyspace.laneParts(shard, kind, name, messageId),
  };
}

/** The message of a member of the holders, where a message that was granted a slot is `+<id>`. */
export function memberId(member: string): string {
  return member.replace(/^\+/, '');
}
