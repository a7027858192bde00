import { PosthornError } from '@posthorn/shared';
import { createCallbacks, type Callbacks } from './callbacks/callbacks.ts';
import { createDestinationGuard, type DestinationGuard, type GuardOptions } from './destinations/destination-guard.ts';
import { createDlq, type Dlq } from './dlq/dlq.ts';
import { retryDeadLetters } from './dlq/retry.ts';
import { createAnswerStore } from './events/answers.ts';
import { createEventLog, type EventLog } from './events/event-log.ts';
import { createEventPages, type EventPages } from './events/event-pages.ts';
import { shedWhenFull } from './events/shed.ts';
import { createFlowControls, type FlowControls } from './flow-control/flow-control.ts';
import { createLanes, type Lanes } from './lanes/lanes.ts';
import { createBacklogs, type Backlogs } from './metrics/backlog.ts';
import { createMessages, type Messages } from './messages/messages.ts';
import type { Environment } from './process/env.ts';
import type { Log } from './process/log.ts';
import type { settings } from './process/settings.ts';
import type { PublishLimits, PublishRequest } from './publish/accept.ts';
import { publish, publishBatch, type PublishParts } from './publish/publish.ts';
import { createQueues, type QueueLimits, type Queues } from './queues/queues.ts';
import { createRateLimits, type RateLimits } from './rate-limits/rate-limits.ts';
import { followAddresses, type RedisConnection } from './redis/connect.ts';
import { createSchedules, type Schedules } from './schedules/schedules.ts';
import { createBodyStore, type BodyStore } from './shards/body.ts';
import { openShards, type Shards } from './shards/shards.ts';
import { createSigningKeys, type SigningKeyStore } from './signing-keys/signing-keys.ts';
import { isRunRequest } from './workflows/run-headers.ts';
import { createWorkflows, type RunLimits, type Workflows } from './workflows/workflows.ts';
import { createUrlGroups, type UrlGroupLimits, type UrlGroups } from './url-groups/url-groups.ts';

export interface BrokerOptions {
  redis: RedisConnection;
  /** Another connection, for what reads much: pages of the log and of dead letters, and messages. */
  reads?: RedisConnection;
  log: Log;
  shards: number;
  graceMs: number;
  logRetentionMs: number;
  maxLogLines: number;
  dlqRetentionMs: number;
  destinations: GuardOptions;
  /** Ports of this machine at which posthorn itself listens, 0 for none; no destination may be there. */
  ownPorts?: readonly number[];
  /** Why nothing new can be accepted: Redis is full. */
  findNoRoom?: () => string | undefined;
  /** Why nothing new can be accepted, for another reason. */
  findRefusal?: () => string | undefined;
  /** Limits of what is accepted; a process that only delivers needs none. */
  publish?: PublishLimits;
  urlGroups?: UrlGroupLimits;
  queues?: QueueLimits;
  maxSchedules?: number;
  /** Limits of runs; a process that has none needs none. */
  runs?: RunLimits;
}

/** The options that every process takes from its environment. */
export function readBrokerOptions(
  config: Environment<typeof settings>,
): Pick<
  BrokerOptions,
  'shards' | 'graceMs' | 'logRetentionMs' | 'maxLogLines' | 'dlqRetentionMs' | 'destinations' | 'runs'
> {
  return {
    shards: config.SHARDS,
    graceMs: config.MESSAGE_GRACE_SECONDS,
    logRetentionMs: config.LOG_RETENTION_SECONDS,
    maxLogLines: config.MAX_LOG_LINES,
    dlqRetentionMs: config.DLQ_RETENTION_SECONDS,
    destinations: {
      allowPrivate: config.ALLOW_PRIVATE_DESTINATIONS,
      allow: config.DESTINATION_ALLOW,
      deny: config.DESTINATION_DENY,
    },
    runs: {
      maxRuns: config.WORKFLOW_MAX_RUNS,
      maxSteps: config.WORKFLOW_MAX_STEPS,
      maxLogBytes: config.WORKFLOW_MAX_LOG_BYTES,
      lazyBytes: config.WORKFLOW_LAZY_BYTES,
      retentionMs: Math.max(config.LOG_RETENTION_SECONDS, config.DLQ_RETENTION_SECONDS),
    },
  };
}

/** Limits of a process that only delivers: what it stores for a run was checked when it came. */
const onlyDelivers: PublishLimits = {
  defaultRetries: 3,
  maxRetries: Infinity,
  maxDelayMs: Infinity,
  defaultTimeoutMs: 7_200_000,
  maxTimeoutMs: Infinity,
  maxLabels: Infinity,
  deduplicationWindowMs: 0,
};

const noRuns: RunLimits = { maxRuns: 0, maxSteps: 0, maxLogBytes: 0, lazyBytes: -1, retentionMs: 0 };

/** Where a message came from. */
export type AcceptedKind = 'publish' | 'enqueue' | 'batch' | 'schedule' | 'dlq-retry' | 'callback' | 'workflow';

/** A message's life in Redis: every part, over one connection. */
export interface Broker {
  publish(request: PublishRequest): ReturnType<typeof publish>;
  publishBatch(requests: readonly PublishRequest[]): ReturnType<typeof publishBatch>;
  /** Publishes dead letters again, and removes them; `undefined` if one of them does not exist. */
  retryDeadLetters(dlqIds: readonly string[], headers: readonly string[]): ReturnType<typeof retryDeadLetters>;
  messages: Messages;
  urlGroups: UrlGroups;
  events: EventLog;
  eventPages: EventPages;
  dlq: Dlq;
  callbacks: Callbacks;
  lanes: Lanes;
  queues: Queues;
  flowControls: FlowControls;
  schedules: Schedules;
  signingKeys: SigningKeyStore;
  rateLimits: RateLimits;
  shards: Shards;
  bodies: BodyStore;
  backlogs: Backlogs;
  workflows: Workflows;
  /** Messages that were stored since the process started. */
  accepted: Readonly<Record<AcceptedKind, number>>;
  guard: DestinationGuard;
  /** Whether Redis is full: what is kept for convenience alone must go. */
  isFull(): boolean;
  close(): Promise<void>;
}

export function createBroker(options: BrokerOptions): Broker {
  const { redis, log, graceMs, logRetentionMs, maxLogLines } = options;
  const findRedis = followAddresses(redis);
  const ownPorts = (options.ownPorts ?? []).filter((port) => port > 0).map((port) => ({ address: '127.0.0.1', port }));
  const guard = createDestinationGuard({ ...options.destinations, own: () => [...ownPorts, ...findRedis()] });
  const shards = openShards(redis, options.shards, log);
  const bodies = createBodyStore(redis, shards.shardOf);
  const lanes = createLanes(redis, shards);
  const logOptions = { retentionMs: logRetentionMs, maxLines: maxLogLines };
  const isFull = () => options.findNoRoom?.() !== undefined;
  const events = shedWhenFull(createEventLog(redis, shards, logOptions), isFull);
  const urlGroups = createUrlGroups(redis, guard, options.urlGroups ?? { maxGroups: 0, maxEndpoints: 0 });

  const readers = options.reads ? createReaders(options.reads) : { shards, bodies, events };
  const messages = createMessages({
    shards,
    bodies,
    events,
    lanes,
    readers,
    tellSchedule: (messageId, message) => schedules.tellEnd(messageId, message, 'FAIL'),
    graceMs,
    logRetentionMs,
  });
  const queueLimits = options.queues ?? { maxQueues: 0, maxParallelism: 0 };
  const queues = createQueues({ redis, shards, lanes, messages, limits: queueLimits });

  const openDlq = (connection: RedisConnection, parts: { shards: Shards; bodies: BodyStore }) => {
    const answers = createAnswerStore(connection, parts.shards);
    return createDlq({ ...parts, redis: connection, answers, retentionMs: options.dlqRetentionMs, logRetentionMs });
  };
  const { list, get, find } = openDlq(options.reads ?? redis, readers);
  const dlq: Dlq = { ...openDlq(redis, { shards, bodies }), list, get, find };

  const accepted: Record<AcceptedKind, number> = {
    publish: 0,
    enqueue: 0,
    batch: 0,
    schedule: 0,
    'dlq-retry': 0,
    callback: 0,
    workflow: 0,
  };
  const count = (kind: AcceptedKind) => (stored: number) => void (accepted[kind] += stored);

  const storeParts = { shards, urlGroups, bodies, events, lanes, queues, guard };
  const readLimits = () => {
    if (!options.publish) throw new Error('This process does not publish.');
    return options.publish;
  };
  const partsOf = new Map<AcceptedKind, PublishParts>();
  const publishParts = (kind: AcceptedKind): PublishParts => {
    // A retry of a dead letter moves a message that Redis has already: it is a way out of a Redis that is full.
    const refusal = (kind === 'dlq-retry' ? undefined : options.findNoRoom?.()) ?? options.findRefusal?.();
    if (refusal) throw new PosthornError('unavailable', refusal);
    let parts = partsOf.get(kind);
    if (!parts) partsOf.set(kind, (parts = { ...storeParts, limits: readLimits(), stored: count(kind) }));
    return parts;
  };
  const schedules = createSchedules({
    ...storeParts,
    redis,
    log,
    publishLimits: readLimits,
    stored: count('schedule'),
    maxSchedules: options.maxSchedules ?? 0,
    isFull,
  });

  const publishPlain = (request: PublishRequest) =>
    publish(publishParts(request.queueName === undefined ? 'publish' : 'enqueue'), request);
  const acceptRuns = async (requests: readonly PublishRequest[]) => {
    const refusal = options.findNoRoom?.() ?? options.findRefusal?.();
    if (refusal) throw new PosthornError('unavailable', refusal);
    const published = await workflows.accept(requests);
    count('workflow')(published.filter(({ deduplicated }) => !deduplicated).length);
    return published;
  };
  const workflows = createWorkflows({
    redis,
    shards,
    guard,
    lanes,
    events,
    log,
    limits: options.publish ?? onlyDelivers,
    runLimits: options.runs ?? noRuns,
  });

  return {
    workflows,
    publish: async (request) => {
      if (!isRunRequest(request.headers)) return publishPlain(request);
      const [published] = await acceptRuns([request]);
      return published ?? [];
    },
    publishBatch: async (requests) => {
      const isOfRun = requests.map(({ headers }) => isRunRequest(headers));
      if (!isOfRun.includes(true)) return publishBatch(publishParts('batch'), requests);
      const ofRuns = await acceptRuns(requests.filter((_, index) => isOfRun[index]));
      const others = requests.filter((_, index) => !isOfRun[index]);
      const plain = others.length > 0 ? await publishBatch(publishParts('batch'), others) : [];
      return isOfRun.map((is) => (is ? ofRuns : plain).shift() ?? []);
    },
    callbacks: createCallbacks({ shards, bodies, events, lanes, stored: count('callback') }),
    messages,
    lanes,
    queues,
    flowControls: createFlowControls({ redis, shards, lanes }),
    schedules,
    urlGroups,
    events,
    eventPages: createEventPages(readers.events, readers.bodies, logRetentionMs),
    dlq,
    retryDeadLetters: (dlqIds, headers) => retryDeadLetters({ ...publishParts('dlq-retry'), dlq }, dlqIds, headers),
    signingKeys: createSigningKeys(redis),
    rateLimits: createRateLimits(redis),
    shards,
    bodies,
    backlogs: createBacklogs(redis, shards),
    accepted,
    guard,
    isFull,
    async close() {
      await events.close();
      await Promise.all([shards.close(), readers.shards.close()]);
      redis.disconnect();
      options.reads?.disconnect();
    },
  };

  function createReaders(reads: RedisConnection) {
    const readShards = openShards(reads, options.shards, log);
    return {
      shards: readShards,
      bodies: createBodyStore(reads, readShards.shardOf),
      events: createEventLog(reads, readShards, logOptions),
    };
  }
}
