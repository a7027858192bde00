import type { Broker, OpenBroker } from '@posthorn/broker';
import type { Log, ProcessMetrics } from '@posthorn/process';
import type { Config } from './config.ts';

/** What the API is made of. */
export interface AppParts {
  broker: Broker;
  config: Config;
  log: Log;
  /** Why the process cannot do its work now; `undefined` when it can. */
  findTrouble: () => Promise<string | undefined>;
  metrics: ProcessMetrics;
  /** What Redis promises of an accepted message, as of the last look. */
  durability: OpenBroker['durability'];
}
