import type { Fault } from '../fault.ts';
import { killApi } from './kill-api.ts';
import { killAllDispatchers, killOneDispatcher } from './kill-dispatchers.ts';
import { killRedisAlways, killRedisEverysec } from './kill-redis.ts';

/** Every fault, those that teach most first. */
export const faults: readonly Fault[] = [
  killOneDispatcher,
  killAllDispatchers,
  killApi,
  killRedisAlways,
  killRedisEverysec,
];
