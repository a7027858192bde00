import type { Log } from '@posthorn/process';
import type { Canceler } from './delivery/cancel.ts';
import type { Deliverer } from './delivery/deliverer.ts';
import type { RunNow } from './delivery/run-now.ts';
import type { Callbacks } from './delivery/callbacks.ts';
import type { DestinationGuard, GuardOptions } from './destinations/destination-guard.ts';
import type { Dlq } from './views/dlq/dlq.ts';
import type { LogStore } from './engine/log/log-store.ts';
import type { LogPages } from './views/log/log-pages.ts';
import type { FlowControls } from './views/flow-control/flow-control.ts';
import type { Lanes } from './engine/lanes/lanes.ts';
import type { Backlogs } from './views/metrics/backlog.ts';
import type { Messages } from './views/messages/messages.ts';
import type { PublishLimits } from './intake/accept.ts';
import type { Publisher, PublisherParts } from './publisher.ts';
import type { QueueLimits, Queues } from './views/queues/queues.ts';
import type { RateLimits } from './rate-limits/rate-limits.ts';
import type { RedisConnection } from './engine/redis/connect.ts';
import type { Schedules } from './schedules/schedules.ts';
import type { BodyStore } from './engine/shards/body.ts';
import type { Shards } from './engine/shards/shards.ts';
import type { KnownToken, Sessions } from './sessions/sessions.ts';
import type { SigningKeyStore } from './signing-keys/signing-keys.ts';
import type { StatsCounter } from './views/stats/counter.ts';
import type { Dispatchers } from './views/stats/dispatchers.ts';
import type { RunLimits, Workflows } from './workflows/workflows.ts';
import type { UrlGroupLimits, UrlGroups } from './url-groups/url-groups.ts';
import type { Views } from './views/views.ts';

export interface BrokerOptions extends Pick<PublisherParts, 'findNoRoom' | 'findRefusal'> {
  redis: RedisConnection;
  /** Another connection for large reads: pages of the log, of dead letters and of runs, and messages. */
  reads?: RedisConnection;
  log: Log;
  shards: number;
  graceMs: number;
  logRetentionMs: number;
  maxLogLines: number;
  dlqRetentionMs: number;
  destinations: GuardOptions;
  /** Ports of this machine at which posthorn itself listens, 0 for none. They are forbidden as destinations. */
  ownPorts?: readonly number[];
  /** Limits of publishing. A process that only delivers needs none. */
  publish?: PublishLimits;
  urlGroups?: UrlGroupLimits;
  queues?: QueueLimits;
  maxSchedules?: number;
  /** Maximum number of flow-control keys that are paused or pinned. */
  maxHeldFlowControlKeys?: number;
  /** Limits of runs of workflows; 0 by default, so that none is accepted. */
  runs?: RunLimits;
}

/** A message's life in Redis, as the processes see it: doors to publish and deliver, and views of what is there. */
export interface Broker extends Pick<Publisher, 'publish' | 'publishBatch' | 'retryDeadLetters'> {
  /** For a process that delivers. */
  createDeliverer(options: DelivererOptions): Deliverer;
  /** Triggers due schedules, releases slots of ended messages, and removes data whose retention is over. */
  upkeep: Upkeep;
  messages: Messages & Canceler & RunNow;
  logPages: LogPages;
  dlq: Pick<Dlq, 'list' | 'get' | 'find' | 'remove'>;
  queues: Queues;
  flowControls: FlowControls;
  schedules: Pick<Schedules, 'create' | 'list' | 'get' | 'setPaused' | 'remove'>;
  urlGroups: UrlGroups;
  signingKeys: SigningKeyStore;
  rateLimits: RateLimits;
  dispatchers: Dispatchers;
  /** Reads for the console and the command line. */
  views: Views;
  /** Publishes the message of a schedule now and gives the ids; `undefined` when there is no such schedule. */
  runSchedule(scheduleId: string): Promise<string[] | undefined>;
  /** Sessions of the console, for the tokens that are valid in this process. */
  createSessions(tokens: readonly KnownToken[]): Sessions;
  backlogs: Backlogs;
  workflows: Omit<Workflows, 'accept' | 'compose' | 'judge' | 'settle' | 'measure' | 'sweep' | 'upkeepKeys'>;
  guard: DestinationGuard;
  close(): Promise<void>;
}

export interface DelivererOptions {
  /** Bytes of the response body of a failed attempt that its log and its dead letter keep. */
  maxStoredResponseBytes: number;
}

/** Work of dispatchers besides deliveries. Any number of processes may do it at the same time. */
export interface Upkeep {
  /** As `Schedules.fireDue`. */
  fireDue: Schedules['fireDue'];
  /**
   * Repairs every lane in which messages have waited for 3 seconds without an event, and reports ends of runs. Says whether
   * any lane is in use, or a report was missing.
   */
  sweep(): Promise<boolean>;
  /** Removes the oldest entries of the log until about `maxEntries` are left, and gives the number of those removed. */
  trim(maxEntries: number): Promise<number>;
  /** Grows with everything that this process stores. */
  countWork(): number;
  /** Whether Redis has no room for new messages. */
  isFull(): boolean;
  /** Whether a message has not ended, or was stored since the index of these messages was tidied. */
  hasPending(): Promise<boolean>;
  /** Tidies the index of the messages that have not ended. */
  tidyIndex(): Promise<void>;
  /** Removes dead letters, ended runs and flow-control keys that are past their retention. */
  expire(): Promise<void>;
}

/** A broker with its insides, for the package itself and for tests that prepare what is in Redis. */
export interface BrokerParts extends Broker, Pick<Publisher, 'accepted'> {
  workflows: Workflows;
  redis: RedisConnection;
  shards: Shards;
  bodies: BodyStore;
  lanes: Lanes;
  logs: LogStore;
  /** Counts for statistics. */
  stats: StatsCounter;
  callbacks: Callbacks;
  dlq: Dlq;
  schedules: Schedules;
}
