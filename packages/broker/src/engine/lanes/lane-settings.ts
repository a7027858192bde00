import type { FlowControl } from '@posthorn/shared';
import type { RedisConnection } from '../redis/connect.ts';
import { keyspace } from '../redis/keyspace.ts';
import { laneFields, laneKeys, memberId, queueLane, type Lane } from './lane.ts';

/** The settings of a lane, and its current use. */
export interface LaneState {
  /** When a queue was created and last changed; 0 for a flow-control key. */
  createdAt: number;
  updatedAt: number;
  /** Slots at once, 0 without a limit. */
  parallelism: number;
  /** Starts in a period, 0 without a limit. */
  rate: number;
  periodSeconds: number;
  /** Starts in the window that began at `windowStartAt`; the window may be over. */
  rateCount: number;
  windowStartAt: number;
  isPaused: boolean;
  /** Limits that messages cannot change. */
  isParallelismPinned: boolean;
  isRatePinned: boolean;
  /** Messages that hold a slot, and messages that wait for one. */
  holders: number;
  waiters: number;
  /** Of a queue: messages that enter it when they are due. */
  delayed: number;
  /** The message that has its slot for longest, or else waits for longest, or else enters first. */
  first?: string;
}

/** Reads and changes the settings of lanes. A change grants what it has made free. */
export interface LaneSettings {
  /** `undefined` for a lane that is not known. */
  read(lane: Lane): Promise<LaneState | undefined>;
  /** Makes a queue with a parallelism of 1, and lists it; one that exists keeps its settings. */
  createQueue(name: string): Promise<void>;
  queueExists(name: string): Promise<boolean>;
  /** Removes a queue whose messages have ended, and its name from the list. */
  removeQueue(name: string): Promise<void>;
  /** Removes the name of a queue that does not exist from the list; it is there if another version died half way. */
  unlistQueue(name: string): Promise<void>;
  setLimits(lane: Lane, limits: FlowControl): Promise<void>;
  /** Changes a queue; what is not given stays. */
  configure(lane: Lane, settings: { parallelism?: number | undefined; isPaused?: boolean | undefined }): Promise<void>;
  setPaused(lane: Lane, isPaused: boolean): Promise<void>;
  /** Fixes limits: what messages say about them no longer counts. */
  pin(lane: Lane, limits: { parallelism?: number; rate?: number; periodSeconds?: number }): Promise<void>;
  unpin(lane: Lane, parts: { parallelism: boolean; rate: boolean }): Promise<void>;
  /** Begins a new window now. */
  resetRate(lane: Lane): Promise<void>;
}

export interface LaneSettingsParts {
  redis: RedisConnection;
  shardOf: (lane: Lane) => number;
  /** Grants what is free; limits that are given count from now on, unless they are pinned. */
  grant: (lane: Lane, limits?: FlowControl) => Promise<unknown>;
}

/** Fields of a queue's hash that no script reads. */
const queueFields = { createdAt: 'createdAt', updatedAt: 'updatedAt' } as const;

/** A window that begins now. */
const newWindow = () => ({ [laneFields.rateCount]: 0, [laneFields.windowStart]: Date.now() });

export function createLaneSettings({ redis, shardOf, grant }: LaneSettingsParts): LaneSettings {
  const keysOf = (lane: Lane) => laneKeys(shardOf(lane), lane);

  /** Changes the state of a lane, and grants what the change has made free. */
  async function change(lane: Lane, values: Record<string, number>, removed: readonly string[] = []): Promise<void> {
    const { state } = keysOf(lane);
    const all = lane.kind === 'queue' ? { ...values, [queueFields.updatedAt]: Date.now() } : values;
    const writes: Promise<unknown>[] = [];
    if (Object.keys(all).length > 0) writes.push(redis.hset(state, all));
    if (removed.length > 0) writes.push(redis.hdel(state, ...removed));
    await Promise.all(writes);
    await grant(lane);
  }

  async function removeQueue(name: string, removesExisting: '1' | '0'): Promise<void> {
    const lane = queueLane(name);
    const shard = shardOf(lane);
    const { state, holders, waiters, delayed } = keysOf(lane);
    await redis.removeQueue(
      state,
      holders,
      waiters,
      keyspace.busyLanes(shard),
      keyspace.queues(shard),
      delayed,
      name,
      `${lane.kind}:${name}`,
      queueFields.createdAt,
      removesExisting,
    );
  }

  return {
    async read(lane) {
      const keys = keysOf(lane);
      const isQueue = lane.kind === 'queue';
      const [state, holders, waiters, delayed, [holder], [waiter], [next]] = await Promise.all([
        redis.hgetall(keys.state),
        redis.zcard(keys.holders),
        redis.zcard(keys.waiters),
        isQueue ? redis.zcard(keys.delayed) : 0,
        redis.zrange(keys.holders, '0', '0'),
        redis.zrange(keys.waiters, '0', '0'),
        isQueue ? redis.zrange(keys.delayed, '0', '0') : [],
      ]);
      const first = holder ?? waiter ?? next;
      if (Object.keys(state).length === 0) return undefined;
      const number = (field: string) => Number(state[field] || 0);
      return {
        createdAt: number(queueFields.createdAt),
        updatedAt: number(queueFields.updatedAt),
        parallelism: number(laneFields.parallelism),
        rate: number(laneFields.rate),
        periodSeconds: number(laneFields.period) || 1,
        rateCount: number(laneFields.rateCount),
        windowStartAt: number(laneFields.windowStart),
        isPaused: state[laneFields.paused] === '1',
        isParallelismPinned: state[laneFields.pinnedParallelism] === '1',
        isRatePinned: state[laneFields.pinnedRate] === '1',
        holders,
        waiters,
        delayed,
        ...(first === undefined ? {} : { first: memberId(first) }),
      };
    },

    async createQueue(name) {
      const lane = queueLane(name);
      const { createdAt, updatedAt } = queueFields;
      const { parallelism, paused } = laneFields;
      const fields = [createdAt, updatedAt, parallelism, paused] as const;
      await redis.createQueue(keysOf(lane).state, keyspace.queues(shardOf(lane)), name, Date.now(), ...fields);
    },
    queueExists: async (name) => (await redis.hexists(keysOf(queueLane(name)).state, queueFields.createdAt)) === 1,
    removeQueue: (name) => removeQueue(name, '1'),
    unlistQueue: (name) => removeQueue(name, '0'),

    async setLimits(lane, limits) {
      await grant(lane, limits);
    },
    configure: (lane, { parallelism, isPaused }) =>
      change(lane, {
        ...(parallelism === undefined ? {} : { [laneFields.parallelism]: parallelism }),
        ...(isPaused === undefined ? {} : { [laneFields.paused]: isPaused ? 1 : 0 }),
      }),
    setPaused: (lane, isPaused) => change(lane, { [laneFields.paused]: isPaused ? 1 : 0 }),
    pin: (lane, { parallelism, rate, periodSeconds }) =>
      change(lane, {
        ...(parallelism === undefined
          ? {}
          : { [laneFields.parallelism]: parallelism, [laneFields.pinnedParallelism]: 1 }),
        ...(rate === undefined ? {} : { [laneFields.rate]: rate, [laneFields.pinnedRate]: 1, ...newWindow() }),
        ...(periodSeconds === undefined ? {} : { [laneFields.period]: periodSeconds }),
      }),
    async unpin(lane, { parallelism, rate }) {
      // The call creates an unknown key (contract P37), and a hash without fields does not exist.
      await redis.hsetnx(keysOf(lane).state, laneFields.paused, 0);
      await change(lane, {}, [
        ...(parallelism ? [laneFields.pinnedParallelism] : []),
        ...(rate ? [laneFields.pinnedRate] : []),
      ]);
    },
    resetRate: (lane) => change(lane, newWindow()),
  };
}
