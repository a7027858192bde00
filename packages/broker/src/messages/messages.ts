import { PosthornError, type Message, type MessageFilter, type MessageView } from '@posthorn/shared';
import type { EventLog } from '../events/event-log.ts';
import { matches } from '../events/filter.ts';
import { canceledLine, cancelRequestedLine, type Event } from '../events/history.ts';
import { flowLane, queueLane, type Lanes } from '../lanes/lanes.ts';
import type { BodyStore } from '../shards/body.ts';
import type { Shards } from '../shards/shards.ts';
import { writeMessageView, writeProgress } from './message-view.ts';

/** Messages that have not ended, or ended a short time ago. */
export interface Messages {
  get(messageId: string): Promise<MessageView | undefined>;
  /** Cancels those that have not ended and were not canceled before, and gives their number (delivery.md section 20). */
  cancel(messageIds: readonly string[]): Promise<number>;
  /**
   * Delivers a message at once that waits for its time, or for a retry. `false` if it does not exist or has ended.
   *
   * @throws {PosthornError} `invalid_request` for one whose time is not its own
   */
  runNow(messageId: string): Promise<boolean>;
  /** Cancels all messages that match, or for so many of them. */
  cancelMatching(filter: MessageFilter, count?: number): Promise<number>;
  /** Frees what a canceled message had: the bytes of its body, its slots or its places in front of them. */
  forget(messageId: string, message: Message): Promise<void>;
}

/** Ids in one call of the script: Redis does nothing else in the meantime, for less than two milliseconds. */
const cancelAtOnce = 200;

export interface MessagesParts {
  shards: Shards;
  bodies: BodyStore;
  events: EventLog;
  lanes: Lanes;
  /** What `get` reads with, perhaps over another connection. */
  readers: { shards: Shards; bodies: BodyStore; events: EventLog };
  /** Tells the schedule of a message that it was canceled. */
  tellSchedule: (messageId: string, message: Message) => Promise<void>;
  /** How long a message that has ended can be read. */
  graceMs: number;
  logRetentionMs: number;
}

export function createMessages(parts: MessagesParts): Messages {
  const { shards, bodies, events, lanes, readers, graceMs, logRetentionMs } = parts;
  return {
    async get(messageId) {
      const shard = shards.shardOf(messageId);
      if (shard === undefined) return undefined;
      const [job, history] = await Promise.all([
        readers.shards.at(shard).get(messageId),
        readers.events.read(messageId),
      ]);
      const message = job?.message ?? readEnded(history.events);
      if (!message || message.workflow) return undefined;
      const body = (await readers.bodies.read(message.body)) ?? Buffer.alloc(0);
      return { ...writeMessageView(messageId, message, body), ...writeProgress(job, history.events) };
    },

    async cancel(messageIds) {
      const byShard = new Map<number, string[]>();
      for (const id of new Set(messageIds)) {
        const shard = shards.shardOf(id);
        if (shard !== undefined) byShard.set(shard, [...(byShard.get(shard) ?? []), id]);
      }
      const counts = await Promise.all(Array.from(byShard, ([shard, ids]) => cancelIn(shard, ids)));
      return sum(counts);
    },

    async runNow(messageId) {
      const shard = shards.shardOf(messageId);
      const message = shard === undefined ? undefined : (await shards.at(shard).get(messageId))?.message;
      if (shard === undefined || !message) return false;
      if (message.queueName !== undefined) {
        throw new PosthornError('invalid_request', `message ${messageId} is in a queue, which delivers in order`);
      }
      if (message.workflow?.kind === 'wait') {
        throw new PosthornError('invalid_request', `message ${messageId} is the deadline of a step that waits`);
      }
      await shards.at(shard).wake([messageId]);
      return true;
    },

    async cancelMatching(filter, count = Infinity) {
      const all = Array.from({ length: shards.count }, (_, shard) => shard);
      if (count === Infinity) return sum(await Promise.all(all.map((shard) => cancelMatchingIn(shard, filter, count))));
      let canceled = 0;
      for (const shard of all) canceled += await cancelMatchingIn(shard, filter, count - canceled);
      return canceled;
    },

    forget,
  };

  async function cancelMatchingIn(shard: number, filter: MessageFilter, count: number): Promise<number> {
    const isForAll = Object.values(filter).every((value) => value === undefined);
    let canceled = 0;
    if (count <= 0) return canceled;
    for await (const page of shards.at(shard).pending(!isForAll)) {
      const ids = page.filter(({ message }) => isForAll || (message && matches(filter, message))).map(({ id }) => id);
      canceled += await cancelIn(shard, ids, count - canceled);
      if (canceled >= count) break;
    }
    return canceled;
  }

  /** Cancels these messages of one shard, until so many were. */
  async function cancelIn(shard: number, ids: readonly string[], count = Infinity): Promise<number> {
    let canceled = 0;
    for (let from = 0; from < ids.length && canceled < count;) {
      const some = ids.slice(from, from + Math.min(cancelAtOnce, count - canceled));
      from += some.length;
      const now = Date.now();
      const results = await shards.at(shard).cancel(some, now, logRetentionMs);
      await Promise.all(
        results.map(async (result, index) => {
          if (!result) return;
          canceled++;
          const { message, isInFlight, isUnreadable } = result;
          const id = some[index] ?? '';
          events.list(id, [cancelRequestedLine(now), ...(isInFlight ? [] : [canceledLine(now)])], message);
          // The script has written the message to its log as it was; this writes it as a log keeps it.
          if (isUnreadable || (message.redaction && !isInFlight)) events.ended(id, [], message);
          if (isInFlight) return;
          await forget(id, message);
        }),
      );
    }
    return canceled;
  }

  async function forget(id: string, message: Message): Promise<void> {
    const { body, queueName, flowControl, holds } = message;
    await parts.tellSchedule(id, message);
    await bodies.release(body, id, 0);
    if (flowControl) await lanes.leave(flowLane(flowControl), id);
    if (queueName !== undefined) await lanes.leave(queueLane(queueName), id);
    if (holds) await lanes.leave(queueLane(holds.queueName), holds.messageId, id);
  }

  /** A message that has ended is in the log alone, where it may be found for a grace time. */
  function readEnded(history: readonly Event[]): Message | undefined {
    const last = history.at(-1);
    const hasEnded = last?.state === 'DELIVERED' || last?.state === 'FAILED';
    return hasEnded && last.time + graceMs >= Date.now() ? last.message : undefined;
  }
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
