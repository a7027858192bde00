import type { LogStore } from '../engine/log/log-store.ts';
import type { Lanes } from '../engine/lanes/lanes.ts';
import type { Log } from '@posthorn/process';
import type { ByteGate } from '../delivery/byte-gate.ts';
import type { AcceptParts } from '../intake/accept.ts';
import type { RedisConnection } from '../engine/redis/connect.ts';
import type { LogLimits, RunScripts } from './run-scripts.ts';
import type { Runs, RunState } from './runs.ts';

/** What runs are allowed to have, and how long they are remembered. */
export interface RunLimits extends LogLimits {
  /** Maximum number of active runs. */
  maxRuns: number;
  /** A larger log is not delivered but fetched by the endpoint; below 0 it is always delivered. */
  lazyBytes: number;
  /** How long a run that has ended, and its log, can be read. */
  retentionMs: number;
}

/** Dependencies of the run modules. */
export interface RunParts extends AcceptParts {
  redis: RedisConnection;
  scripts: RunScripts;
  runs: Runs;
  lanes: Lanes;
  logs: LogStore;
  log: Log;
  /** Runs that this process has ended since it started. */
  ended: Record<Exclude<RunState, 'RUN_STARTED'>, number>;
  runLimits: RunLimits;
  /** Limits what is made at once from large bodies. */
  reportGate: ByteGate;
}
