import type { LogEntryView, Message, Timeline } from '@posthorn/shared';
import type { LogStore } from '../../engine/log/log-store.ts';
import type { LogPages } from '../log/log-pages.ts';
import { readLanePosition, type LanePosition } from '../../engine/lanes/lane-position.ts';
import { flowLane, queueLane, type Lane, type Lanes } from '../../engine/lanes/lanes.ts';
import type { RedisConnection } from '../../engine/redis/connect.ts';
import { keyspace } from '../../engine/redis/keyspace.ts';
import { findDlqId } from '../dlq/dlq-list.ts';
import type { BodyStore } from '../../engine/shards/body.ts';
import { deriveCallbackId } from '../../engine/shards/derive-id.ts';
import { findPending } from '../../engine/shards/pending.ts';
import type { Shards } from '../../engine/shards/shards.ts';
import type { Dispatchers } from '../stats/dispatchers.ts';
import { listAttempts } from './attempts.ts';
import { maxCallbackBytes, parseCallbackSource } from './callback-source.ts';
import { describePlace, type PlaceFacts } from './describe-place.ts';
import { formatSummary } from './summary.ts';

export interface TimelineParts {
  redis: RedisConnection;
  shards: Shards;
  lanes: Lanes;
  logs: LogStore;
  logPages: LogPages;
  bodies: BodyStore;
  dispatchers: Dispatchers;
}

/** How a timeline is written. */
export interface TimelineOptions {
  /** Zone of the times in the sentence; UTC by default. */
  timeZone?: string | undefined;
  /** Bytes of each body that are shown; all by default. */
  trimBody?: number | undefined;
}

export interface Timelines {
  /** Everything that is known of a message; `undefined` if the log does not contain it (any more). */
  read(messageId: string, options?: TimelineOptions): Promise<Timeline | undefined>;
}

/** About how many bytes of bodies and responses a timeline shows. */
const maxBytes = 2 * 1024 * 1024;

export function createTimelines(parts: TimelineParts): Timelines {
  const { redis, shards, lanes, logs, logPages, bodies, dispatchers } = parts;

  async function readHolder(lane: LanePosition | undefined, messageId: string): Promise<PlaceFacts['holder']> {
    const id = lane?.rank === undefined ? undefined : lane.firstHolder;
    const shard = id === undefined ? undefined : shards.shardOf(id);
    if (id === undefined || shard === undefined || id === messageId) return undefined;
    const [pending, log] = await Promise.all([findPending(redis, shard, id), logs.read(id)]);
    const last = log.entries.at(-1);
    const retriesAt = last?.state === 'RETRY' ? last.nextDeliveryTime : undefined;
    return { id, isInFlight: pending?.kind === 'in-flight', ...(retriesAt === undefined ? {} : { retriesAt }) };
  }

  async function exists(messageId: string): Promise<boolean> {
    const shard = shards.shardOf(messageId) ?? 0;
    const [hasLog, isPending] = await Promise.all([
      redis.exists(keyspace.messageLog(shard, messageId)),
      shards.at(shard).exists(messageId),
    ]);
    return hasLog === 1 || isPending;
  }

  /** The ids of callbacks are derived from the attempts that they report. */
  async function findCallbacks(
    id: string,
    { callback, failureCallback }: Message,
    attempts: number,
  ): Promise<string[]> {
    const causes = [
      ...(callback
        ? Array.from({ length: attempts }, (_, retried) => outcomes.map((kind) => `${retried}:${kind}`)).flat()
        : []),
      ...(failureCallback ? ['failure'] : []),
    ];
    const ids = causes.map((cause) => deriveCallbackId(id, cause));
    const found = await Promise.all(ids.map(exists));
    return ids.filter((_, index) => found[index]);
  }

  /** A callback names its source in its body. Anyone can send such a body, so the id must be derived from that source. */
  async function findSource(id: string, message: Message): Promise<string | undefined> {
    if (message.header['Content-Type']?.[0] !== 'application/json') return undefined;
    if ((await bodies.size(message.body)) > maxCallbackBytes) return undefined;
    const body = await bodies.read(message.body);
    const source = body && parseCallbackSource(body);
    if (!source) return undefined;
    const { messageId, retried } = source;
    const causes = ['failure', ...outcomes.map((kind) => `${retried}:${kind}`)];
    return causes.some((cause) => deriveCallbackId(messageId, cause) === id) ? messageId : undefined;
  }

  return {
    async read(messageId, { timeZone, trimBody } = {}) {
      const shard = shards.shardOf(messageId);
      if (shard === undefined) return undefined;
      // In this order: a message that ends in between is in the log, and one that has failed there has its dead letter.
      const pending = await findPending(redis, shard, messageId);
      const log = await logs.read(messageId);
      const dlqId = await findDlqId(redis, shard, messageId);
      const summary = formatSummary(log.entries, dlqId);
      const message = log.entries[0]?.message;
      if (!summary || !message) return undefined;
      const attempts = listAttempts(log.entries);
      const { queueName, flowControl } = message;
      const parseLane = (lane: Lane) => readLanePosition(redis, lanes, lane, messageId);
      const [queue, key, running, page, callbackIds, sourceMessageId] = await Promise.all([
        pending && queueName !== undefined ? parseLane(queueLane(queueName)) : undefined,
        pending && flowControl ? parseLane(flowLane(flowControl)) : undefined,
        pending ? dispatchers.list() : [],
        logPages.list({ messageIds: [messageId], order: 'earliestFirst', isGrouped: false, maxBytes, trimBody }),
        findCallbacks(messageId, message, attempts.length),
        findSource(messageId, message),
      ]);
      const holder = await readHolder(queue, messageId);
      const where = describePlace({
        entries: log.entries,
        attempts,
        pending,
        queue,
        key,
        holder,
        dlqId,
        retriedAs: log.retriedAs,
        dispatchers: running.length,
        now: Date.now(),
        timeZone,
      });
      addBodies(attempts, page.events);
      return {
        message: summary,
        where,
        attempts,
        lines: page.events,
        related: {
          ...(sourceMessageId === undefined ? {} : { sourceMessageId }),
          callbackIds,
          ...(message.retryOf === undefined ? {} : { retryOf: message.retryOf }),
          retriedAs: log.retriedAs,
          ...(dlqId === undefined ? {} : { dlqId }),
        },
      };
    },
  };
}

const outcomes = ['delivered', 'retry', 'failed', 'canceled'] as const;

/** The entries of the log have the responses of failed attempts, in their order. */
function addBodies(attempts: Timeline['attempts'], entries: readonly LogEntryView[]): void {
  const failed = attempts.filter(({ error }) => error !== undefined);
  const errors = entries.filter(({ state }) => state === 'ERROR');
  for (const [index, attempt] of failed.entries()) {
    const { responseBody, responseHeader } = errors[index] ?? {};
    if (responseBody !== undefined) attempt.responseBody = responseBody;
    if (responseHeader !== undefined) attempt.responseHeader = responseHeader;
  }
}
