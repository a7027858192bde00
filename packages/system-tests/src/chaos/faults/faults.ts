import type { Fault } from '../fault.ts';
import { clientRetry } from './client-retry.ts';
import { clockStepsBack, fastClock, slowClock } from './clock.ts';
import { damagedAof } from './damaged-aof.ts';
import { deadCallbacks } from './dead-callbacks.ts';
import { brokenLog } from './broken-log.ts';
import { everything } from './everything.ts';
import { failover, readOnlyRedis, sentinelFailover } from './failover.ts';
import { fillDiskAlways, fillDiskEverysec } from './fill-disk.ts';
import { fillRedis } from './fill-redis.ts';
import { freezeDispatcher } from './freeze-dispatcher.ts';
import { freezeRedisLong, freezeRedisShort } from './freeze-redis.ts';
import { killApi } from './kill-api.ts';
import { killAllDispatchers, killOneDispatcher } from './kill-dispatchers.ts';
import { killRedisAlways, killRedisEverysec } from './kill-redis.ts';
import { largeBodies } from './large-bodies.ts';
import { recoveryBurst, sameSecond } from './many-at-once.ts';
import { lossyNetwork, lostPackets, slowNetwork } from './network.ts';
import { poison } from './poison.ts';
import { restartEverything } from './restart-everything.ts';
import { restore } from './restore.ts';
import { rollingRestart, stopDispatcher, stopWithoutRedis } from './stop-processes.ts';
import { wrongSettings } from './wrong-settings.ts';
import { killDuringWorkflows } from './workflows.ts';

/** Every fault, those that teach most first. The random numbers of a fault depend on its index: add new ones at the end. */
export const faults: readonly Fault[] = [
  killDuringWorkflows,
  killOneDispatcher,
  killAllDispatchers,
  poison,
  killApi,
  killRedisAlways,
  killRedisEverysec,
  freezeRedisShort,
  freezeRedisLong,
  fillRedis,
  fillDiskAlways,
  fillDiskEverysec,
  readOnlyRedis,
  failover,
  wrongSettings,
  slowNetwork,
  lostPackets,
  stopDispatcher,
  stopWithoutRedis,
  rollingRestart,
  clientRetry,
  recoveryBurst,
  sameSecond,
  fastClock,
  slowClock,
  freezeDispatcher,
  brokenLog,
  deadCallbacks,
  everything,
  restore,
  restartEverything,
  sentinelFailover,
  largeBodies,
  damagedAof,
  lossyNetwork,
  clockStepsBack,
];
