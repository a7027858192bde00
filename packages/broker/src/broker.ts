import type { Message } from '@posthorn/shared';
import type { Log } from '@posthorn/process';
import { createCanceler, type Canceler } from './delivery/cancel.ts';
import { createDeliverer, type Deliverer } from './delivery/deliverer.ts';
import { createHoldings } from './delivery/holdings.ts';
import { createRunNow, type RunNow } from './delivery/run-now.ts';
import { createSettlement } from './delivery/settle.ts';
import { createSlots } from './delivery/slots.ts';
import { createCallbacks, type Callbacks } from './delivery/callbacks.ts';
import { createDestinationGuard, type DestinationGuard, type GuardOptions } from './destinations/destination-guard.ts';
import { createDlq, type Dlq } from './views/dlq/dlq.ts';
import { createAnswerStore } from './engine/log/answers.ts';
import { createEventLog, type EventLog } from './engine/log/event-log.ts';
import { createEventPages, type EventPages } from './views/log/event-pages.ts';
import { shedWhenFull } from './engine/log/shed.ts';
import { createFlowControls, type FlowControls } from './views/flow-control/flow-control.ts';
import { createLanes, type Lanes } from './engine/lanes/lanes.ts';
import { createBacklogs, type Backlogs } from './views/metrics/backlog.ts';
import { createMessages, type Messages } from './views/messages/messages.ts';
import type { PublishLimits } from './intake/accept.ts';
import { createPublisher, type Publisher, type PublisherParts } from './publisher.ts';
import { createQueues, type QueueLimits, type Queues } from './views/queues/queues.ts';
import { createRateLimits, type RateLimits } from './rate-limits/rate-limits.ts';
import { followAddresses, type RedisConnection } from './engine/redis/connect.ts';
import { createSchedules, type Schedules } from './schedules/schedules.ts';
import { createBodyStore, type BodyStore } from './engine/shards/body.ts';
import { openShards, type Shards } from './engine/shards/shards.ts';
import { countSchedules } from './schedules/count-schedules.ts';
import { runSchedule } from './schedules/run-schedule.ts';
import { createSessions, type KnownToken, type Sessions } from './sessions/sessions.ts';
import { createSigningKeys, type SigningKeyStore } from './signing-keys/signing-keys.ts';
import { createStatsCounter, type StatsCounter } from './views/stats/counter.ts';
import { createDispatchers, type Dispatchers } from './views/stats/dispatchers.ts';
import { refuseNew } from './workflows/refuse-new.ts';
import { createRunSettlement } from './workflows/run-settlement.ts';
import { createWorkflows, type RunLimits, type Workflows } from './workflows/workflows.ts';
import { createUrlGroups, type UrlGroupLimits, type UrlGroups } from './url-groups/url-groups.ts';
import { createViews, type Views } from './views/views.ts';

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
  /** Limits of runs of workflows; 0 by default, so that none is accepted. */
  runs?: RunLimits;
}

/** Limits of a process that only delivers: messages that it stores for a run were checked when they were accepted. */
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

/** A message's life in Redis, as the processes see it: doors to publish and deliver, and views of what is there. */
export interface Broker extends Pick<Publisher, 'publish' | 'publishBatch' | 'retryDeadLetters'> {
  /** For a process that delivers. */
  createDeliverer(options: DelivererOptions): Deliverer;
  /** Triggers due schedules, releases slots of ended messages, and removes data whose retention is over. */
  upkeep: Upkeep;
  messages: Messages & Canceler & RunNow;
  eventPages: EventPages;
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
  workflows: Omit<Workflows, 'accept' | 'compose' | 'judge' | 'settle' | 'measure' | 'sweep'>;
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
  /** Repairs every lane in which messages have waited for 3 seconds without an event, and reports ends of runs. */
  sweep(): Promise<void>;
  /** Removes the oldest entries of the log until not many more than `maxLines` are left, and gives the number of them. */
  trim(maxLines: number): Promise<number>;
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
  events: EventLog;
  /** Counts for statistics. */
  stats: StatsCounter;
  callbacks: Callbacks;
  dlq: Dlq;
  schedules: Schedules;
}

export function createBroker(options: BrokerOptions): BrokerParts {
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
  const stats = createStatsCounter(redis);
  const urlGroups = createUrlGroups(redis, guard, options.urlGroups ?? { maxGroups: 0, maxEndpoints: 0 });

  const readers = options.reads ? createReaders(options.reads) : { shards, bodies, events };
  const holdings = createHoldings(lanes, bodies);
  const endCanceled = async (id: string, message: Message) => {
    await schedules.tellEnd(id, message, 'FAIL');
    stats.canceled(message);
    await holdings.freeAll(id, message);
  };
  const canceler = createCanceler({ shards, events, endCanceled, logRetentionMs });
  const queueLimits = options.queues ?? { maxQueues: 0, maxParallelism: 0 };
  const queues = createQueues({ redis, shards, lanes, cancel: canceler.cancel, limits: queueLimits });

  const openDlq = (connection: RedisConnection, parts: { shards: Shards; bodies: BodyStore }) => {
    const answers = createAnswerStore(connection, parts.shards);
    return createDlq({ ...parts, redis: connection, answers, retentionMs: options.dlqRetentionMs, logRetentionMs });
  };
  const readDlq = openDlq(options.reads ?? redis, readers);
  const { list, get, find } = readDlq;
  const dlq: Dlq = { ...openDlq(redis, { shards, bodies }), list, get, find };

  const storeParts = { shards, urlGroups, bodies, events, lanes, queues, guard, stats };
  const workflows = createWorkflows({
    redis,
    shards,
    guard,
    lanes,
    events,
    log,
    limits: options.publish ?? onlyDelivers,
    runLimits: options.runs ?? noRuns,
    reads: { redis: options.reads ?? redis, shards: readers.shards },
  });
  const { findNoRoom, findRefusal } = options;
  const publisher = createPublisher({
    ...storeParts,
    dlq,
    workflows,
    limits: options.publish,
    findNoRoom,
    findRefusal,
  });
  const scheduleParts = {
    ...storeParts,
    redis,
    log,
    publishLimits: publisher.readLimits,
    stored: publisher.counterOf('schedule'),
    maxSchedules: options.maxSchedules ?? 0,
    isFull,
  };
  const schedules = createSchedules(scheduleParts);
  const dispatchers = createDispatchers(redis);
  const backlogs = createBacklogs(redis, shards);
  const eventPages = createEventPages(readers.events, readers.bodies, logRetentionMs);

  const callbacks = createCallbacks({ shards, bodies, events, lanes, stats, stored: publisher.counterOf('callback') });
  const openDeliverer = ({ maxStoredResponseBytes }: DelivererOptions): Deliverer => {
    const ofMessages = createSettlement({
      bodies,
      events,
      stats,
      callbacks,
      bury: dlq.bury,
      tellSchedule: schedules.tellEnd,
      isFull,
      log,
      graceMs,
      dlqRetentionMs: options.dlqRetentionMs,
      maxStoredResponseBytes,
    });
    const settlement = createRunSettlement(ofMessages, {
      events,
      log,
      isFull,
      maxStoredResponseBytes,
      settleRun: workflows.settle,
    });
    const slots = createSlots(lanes, shards);
    return createDeliverer({
      redis,
      log,
      shards,
      bodies,
      events,
      slots,
      holdings,
      settlement,
      runs: workflows,
      endCanceled,
    });
  };

  return {
    workflows: refuseNew(workflows, () => publisher.refuse('workflow')),
    redis,
    publish: publisher.publish,
    publishBatch: publisher.publishBatch,
    retryDeadLetters: publisher.retryDeadLetters,
    createDeliverer: openDeliverer,
    upkeep: {
      fireDue: schedules.fireDue,
      sweep: () => inAllShards((shard) => [lanes.sweep(shard), workflows.sweep(shard)]),
      trim: (maxLines) => events.trim(maxLines),
      async expire() {
        await Promise.all([dlq.expire(), inAllShards((shard) => [lanes.expire(shard), workflows.expire(shard)])]);
      },
    },
    callbacks,
    messages: { ...createMessages({ ...readers, graceMs }), ...canceler, ...createRunNow(shards) },
    lanes,
    queues,
    flowControls: createFlowControls({ redis, shards, lanes }),
    schedules,
    urlGroups,
    events,
    eventPages,
    dlq,
    signingKeys: createSigningKeys(redis),
    rateLimits: createRateLimits(redis),
    shards,
    bodies,
    backlogs,
    stats,
    dispatchers,
    createSessions: (tokens) => createSessions(redis, tokens),
    runSchedule: (scheduleId) => {
      publisher.refuse('schedule');
      return runSchedule(scheduleParts, scheduleId);
    },
    views: createViews({
      ...readers,
      redis: options.reads ?? redis,
      eventPages,
      lanes,
      queues,
      backlogs,
      dlq: readDlq,
      dispatchers,
      countSchedules: () => countSchedules(options.reads ?? redis),
      log,
      logRetentionMs,
      dlqRetentionMs: options.dlqRetentionMs,
    }),
    accepted: publisher.accepted,
    guard,
    async close() {
      await Promise.all([events.close(), stats.flush()]);
      await Promise.all([shards.close(), readers.shards.close()]);
      redis.disconnect();
      options.reads?.disconnect();
    },
  };

  /** In one turn of the event loop, so that the commands are sent together. */
  async function inAllShards(work: (shard: number) => Promise<void>[]): Promise<void> {
    await Promise.all(Array.from({ length: shards.count }, (_, shard) => work(shard)).flat());
  }

  function createReaders(reads: RedisConnection) {
    const readShards = openShards(reads, options.shards, log);
    return {
      shards: readShards,
      bodies: createBodyStore(reads, readShards.shardOf),
      events: createEventLog(reads, readShards, logOptions),
    };
  }
}
