import { PosthornError, type FlowControlKey, type GlobalParallelism } from '@posthorn/shared';
import { countHeldFlowKeys, scanFlowKeys } from '../../engine/lanes/flow-keys.ts';
import type { Lane, Lanes } from '../../engine/lanes/lanes.ts';
import type { RedisConnection } from '../../engine/redis/connect.ts';
import type { Shards } from '../../engine/shards/shards.ts';
import { mergeSorted, readInPieces } from '../read-in-pieces.ts';

/** Flow-control keys: rate and parallelism per key (contract D36). */
export interface FlowControls {
  /** All known keys, or those whose name has this text in it, by name. */
  list(search?: string): AsyncIterable<FlowControlKey>;
  get(key: string): Promise<FlowControlKey | undefined>;
  /** @throws {PosthornError} `limit_exceeded` when too many keys are paused or pinned */
  setPaused(key: string, paused: boolean): Promise<void>;
  /**
   * Fixes limits: what messages say about them does not count any more.
   *
   * @throws {PosthornError} as `setPaused`
   */
  pin(key: string, limits: { parallelism?: number; rate?: number; periodSeconds?: number }): Promise<void>;
  unpin(key: string, parts: { parallelism: boolean; rate: boolean }): Promise<void>;
  /** Begins a new window now. */
  resetRate(key: string): Promise<void>;
  globalParallelism(): Promise<GlobalParallelism>;
}

export interface FlowControlParts {
  redis: RedisConnection;
  shards: Shards;
  lanes: Lanes;
  /** Maximum number of keys that are paused or pinned: nothing removes them until somebody resumes or unpins them. */
  maxHeldKeys: number;
}

/** Keys that a list reads at a time; there may be any number of them. */
const keysAtOnce = 100;

export function createFlowControls({ redis, shards, lanes, maxHeldKeys }: FlowControlParts): FlowControls {
  const laneOf = (key: string): Lane => ({ kind: 'flow', name: key });

  async function get(key: string): Promise<FlowControlKey | undefined> {
    const state = await lanes.read(laneOf(key));
    if (!state) return undefined;
    const isWindowOver = Date.now() >= state.windowStartAt + state.periodSeconds * 1000;
    return {
      flowControlKey: key,
      waitListSize: state.waiters,
      parallelismMax: state.parallelism,
      parallelismCount: state.holders,
      rateMax: state.rate,
      rateCount: isWindowOver ? 0 : state.rateCount,
      ratePeriod: state.periodSeconds,
      ratePeriodStart: Math.floor(state.windowStartAt / 1000),
      isPaused: state.isPaused,
      isPinnedParallelism: state.isParallelismPinned,
      isPinnedRate: state.isRatePinned,
    };
  }

  /** @throws {PosthornError} `limit_exceeded` */
  async function requireRoom(key: string): Promise<void> {
    const state = await lanes.read(laneOf(key));
    if (state && (state.isPaused || state.isParallelismPinned || state.isRatePinned)) return;
    const all = Array.from({ length: shards.count }, (_, shard) => countHeldFlowKeys(redis, shard));
    const held = (await Promise.all(all)).reduce((sum, count) => sum + count, 0);
    if (held < maxHeldKeys) return;
    throw new PosthornError(
      'limit_exceeded',
      `There can be at most ${maxHeldKeys} flow-control keys that are paused or pinned.`,
    );
  }

  return {
    get,
    async *list(search = '') {
      const lists: string[][] = [];
      const read = async (shard: number) => {
        for await (const keys of scanFlowKeys(redis, shard)) {
          lists.push(keys.filter((key) => key.includes(search)).sort());
        }
      };
      await Promise.all(Array.from({ length: shards.count }, (_, shard) => read(shard)));
      yield* readInPieces(mergeSorted(lists), keysAtOnce, get);
    },
    async setPaused(key, paused) {
      if (paused) await requireRoom(key);
      await lanes.setPaused(laneOf(key), paused);
    },
    async pin(key, limits) {
      await requireRoom(key);
      await lanes.pin(laneOf(key), limits);
    },
    unpin: (key, parts) => lanes.unpin(laneOf(key), parts),
    resetRate: (key) => lanes.resetRate(laneOf(key)),
    async globalParallelism() {
      const facts = await Promise.all(
        Array.from({ length: shards.count }, async (_, shard) => {
          const [active, max] = await Promise.all([
            shards.at(shard).countActive(),
            shards.at(shard).globalConcurrency(),
          ]);
          return { active, max };
        }),
      );
      return {
        parallelismMax: facts.reduce((sum, { max }) => sum + max, 0),
        parallelismCount: facts.reduce((sum, { active }) => sum + active, 0),
      };
    },
  };
}
