import type { Broker, OpenBroker, Sessions } from '@posthorn/broker';
import type { Log, ProcessMetrics } from '@posthorn/process';
import type { Config } from './config.ts';

/** Dependencies of the API. */
export interface AppParts {
  broker: Broker;
  config: Config;
  log: Log;
  /** Why the process cannot do its work now; `undefined` when it can. */
  findTrouble: () => Promise<string | undefined>;
  metrics: ProcessMetrics;
  /** What Redis promises of an accepted message, as of the last look. */
  durability: OpenBroker['durability'];
  /** What Redis uses, as of the last look. */
  redisState: OpenBroker['redisState'];
  /** Sessions of the console. */
  sessions: Sessions;
  /** Name of the cookie of a session: another one for every installation. */
  cookieName: string;
  /** The version of posthorn. */
  version: string;
  /** Aborted when the process begins to stop, so that streams end. */
  stopping: AbortSignal;
}
