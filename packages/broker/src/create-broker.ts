import type { Message } from '@posthorn/shared';
import { createReportGate } from './delivery/byte-gate.ts';
import { createCanceler } from './delivery/cancel.ts';
import { createDeliverer, type Deliverer } from './delivery/deliverer.ts';
import { createHoldings } from './delivery/holdings.ts';
import { createRunNow } from './delivery/run-now.ts';
import { createSettlement } from './delivery/settle.ts';
import { createSlots } from './delivery/slots.ts';
import { createCallbacks } from './delivery/callbacks.ts';
import { createDestinationGuard } from './destinations/destination-guard.ts';
import { createDlq, type Dlq } from './views/dlq/dlq.ts';
import { createResponseStore } from './engine/log/responses.ts';
import { createLogStore } from './engine/log/log-store.ts';
import { createLogPages } from './views/log/log-pages.ts';
import { shedWhenFull } from './engine/log/shed.ts';
import { createFlowControls } from './views/flow-control/flow-control.ts';
import { createLanes } from './engine/lanes/lanes.ts';
import { createBacklogs } from './views/metrics/backlog.ts';
import { createMessages } from './views/messages/messages.ts';
import { checkDefaultHeaders, type PublishLimits } from './intake/accept.ts';
import { createPublisher } from './publisher.ts';
import { refuseNewSettings } from './refuse-new.ts';
import { createQueues } from './views/queues/queues.ts';
import { createRateLimits } from './rate-limits/rate-limits.ts';
import { followAddresses, type RedisConnection } from './engine/redis/connect.ts';
import { createSchedules } from './schedules/schedules.ts';
import { createBodyStore, type BodyStore } from './engine/shards/body.ts';
import { openShards, type Shards } from './engine/shards/shards.ts';
import { countSchedules } from './schedules/count-schedules.ts';
import { runSchedule } from './schedules/run-schedule.ts';
import { createSessions } from './sessions/sessions.ts';
import { createSigningKeys } from './signing-keys/signing-keys.ts';
import { createStatsCounter } from './views/stats/counter.ts';
import { createDispatchers } from './views/stats/dispatchers.ts';
import { refuseNew } from './workflows/refuse-new.ts';
import { createRunSettlement } from './workflows/run-settlement.ts';
import { createWorkflows, type RunLimits } from './workflows/workflows.ts';
import { createUrlGroups } from './url-groups/url-groups.ts';
import { createUpkeep } from './upkeep.ts';
import { createViews } from './views/views.ts';
import type { BrokerOptions, DelivererOptions, BrokerParts } from './broker.ts';

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

export function createBroker(options: BrokerOptions): BrokerParts {
  const { redis, log, graceMs, logRetentionMs, maxLogLines } = options;
  const findRedis = followAddresses(redis);
  const ownPorts = (options.ownPorts ?? []).filter((port) => port > 0).map((port) => ({ address: '127.0.0.1', port }));
  const guard = createDestinationGuard({ ...options.destinations, own: () => [...ownPorts, ...findRedis()] });
  const shards = openShards(redis, options.shards, log);
  const bodies = createBodyStore(redis, shards.shardOf);
  const lanes = createLanes(redis, shards);
  const logOptions = { retentionMs: logRetentionMs, maxEntries: maxLogLines };
  const isFull = () => options.findNoRoom?.() !== undefined;
  const logs = shedWhenFull(createLogStore(redis, shards, logOptions), isFull);
  const stats = createStatsCounter(redis);
  const publishLimits = options.publish ?? onlyDelivers;
  const groupLimits = options.urlGroups ?? { maxGroups: 0, maxEndpoints: 0 };
  const checkDefaults = (headers: Record<string, string[]>) => {
    checkDefaultHeaders({ guard, limits: publishLimits }, headers);
  };
  const urlGroups = createUrlGroups({ redis, guard, checkDefaults }, groupLimits);

  const readers = options.reads ? createReaders(options.reads) : { shards, bodies, logs };
  const holdings = createHoldings(lanes, bodies);
  const endCanceled = async (id: string, message: Message) => {
    await schedules.tellEnd(id, message, 'FAIL');
    stats.canceled(message);
    await holdings.freeAll(id, message);
  };
  const canceler = createCanceler({ shards, readers: readers.shards, logs, endCanceled, logRetentionMs });
  const queueLimits = options.queues ?? { maxQueues: 0, maxParallelism: 0 };
  const cancelAll = (name: string) => canceler.cancelMatching({ queueName: [name] });
  const queues = createQueues({ redis, shards, lanes, cancelAll, limits: queueLimits });

  const openDlq = (connection: RedisConnection, parts: { shards: Shards; bodies: BodyStore }) => {
    const responses = createResponseStore(connection, parts.shards);
    return createDlq({ ...parts, redis: connection, responses, retentionMs: options.dlqRetentionMs, logRetentionMs });
  };
  const readDlq = openDlq(options.reads ?? redis, readers);
  const { list, get, find } = readDlq;
  const dlq: Dlq = { ...openDlq(redis, { shards, bodies }), list, get, find };

  const storeParts = { shards, urlGroups, bodies, logs, lanes, queues, guard, stats };
  const reportGate = createReportGate();
  const workflows = createWorkflows({
    redis,
    shards,
    guard,
    lanes,
    logs,
    log,
    limits: publishLimits,
    runLimits: options.runs ?? noRuns,
    reads: { redis: options.reads ?? redis, shards: readers.shards },
    reportGate,
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
  const logPages = createLogPages(readers.logs, readers.bodies, logRetentionMs);

  const callbacks = createCallbacks({
    ...{ shards, bodies, logs, lanes, stats, reportGate },
    stored: publisher.counterOf('callback'),
  });
  const openDeliverer = ({ maxStoredResponseBytes }: DelivererOptions): Deliverer => {
    const ofMessages = createSettlement({
      bodies,
      logs,
      stats,
      callbacks,
      bury: dlq.bury,
      recordScheduleOutcome: schedules.tellEnd,
      isFull,
      log,
      graceMs,
      dlqRetentionMs: options.dlqRetentionMs,
      maxStoredResponseBytes,
    });
    const settlement = createRunSettlement(ofMessages, {
      logs,
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
      logs,
      slots,
      holdings,
      settlement,
      runs: workflows,
      endCanceled,
    });
  };

  const flowControls = createFlowControls({
    redis,
    shards,
    lanes,
    maxHeldKeys: options.maxHeldFlowControlKeys ?? 0,
  });

  return {
    ...refuseNewSettings({ schedules, urlGroups, queues, flowControls }, () => publisher.refuse()),
    workflows: refuseNew(workflows, () => publisher.refuse('workflow')),
    redis,
    publish: publisher.publish,
    publishBatch: publisher.publishBatch,
    retryDeadLetters: publisher.retryDeadLetters,
    createDeliverer: openDeliverer,
    upkeep: createUpkeep({ redis, shards, lanes, workflows, schedules, logs, dlq, stats, isFull, log }),
    callbacks,
    messages: { ...createMessages({ ...readers, graceMs }), ...canceler, ...createRunNow(shards) },
    lanes,
    logs,
    logPages,
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
      logPages,
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
      await Promise.all([logs.close(), stats.flush()]);
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
      logs: createLogStore(reads, readShards, logOptions),
    };
  }
}
