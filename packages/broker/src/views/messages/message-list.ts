import { states, type MessageListFilter, type MessageSummary } from '@posthorn/shared';
import { createDigestTest } from '../../engine/log/digest.ts';
import type { LogStore } from '../../engine/log/log-store.ts';
import { matches } from '../filter.ts';
import type { LogOffset } from '../../engine/log/entry-list.ts';
import { readRecord, readStateIndex, readTime, recordBytes } from '../../engine/log/record.ts';
import { digestBytes } from '../../engine/log/digest.ts';
import type { RedisConnection } from '../../engine/redis/connect.ts';
import { findDlqId } from '../dlq/dlq-list.ts';
import type { Shards } from '../../engine/shards/shards.ts';
import { finalStates, listFewPending } from './few-pending.ts';
import { formatSummary } from '../timeline/summary.ts';

export interface MessageListParts {
  redis: RedisConnection;
  shards: Shards;
  logs: LogStore;
  retentionMs: number;
}

export interface MessageList {
  /** Messages that match, newest first; a page may be shorter than was asked for and still have a cursor. */
  list(filter: MessageListFilter): Promise<{ messages: MessageSummary[]; cursor?: string }>;
}

/** Entries of the log that one page looks at, at most. */
const maxEntries = 200_000;
/** Logs of messages that one page reads, at most, and how many at once. */
const maxReads = 1000;
const readAtOnce = 50;

/**
 * Lists messages by the entries of the log: walks the log from its newest entry and stops at one entry of each message.
 * Without a state that is the entry of its creation; with final states it is its last entry, which no other follows.
 * For other states it is the first entry of a message that the walk meets: the latest one, unless the walk goes on
 * behind a cursor. The log of a message decides in any case.
 */
export function createMessageList({ redis, shards, logs, retentionMs }: MessageListParts): MessageList {
  /** @param lastAt time of the entry that must be the last one of the message */
  async function readSummary(
    messageId: string,
    lastAt: number | undefined,
    filter: MessageListFilter,
  ): Promise<MessageSummary | undefined> {
    const shard = shards.shardOf(messageId);
    if (shard === undefined) return undefined;
    const { entries } = await logs.read(messageId);
    const [first] = entries;
    const last = entries.at(-1);
    if (!first || !last) return undefined;
    const { state, responseStatus, cursor: _c, count: _n, ...wanted } = filter;
    if (state && !state.includes(last.state)) return undefined;
    // A page before this one has it, with its later entry.
    if (lastAt !== undefined && last.writtenAt !== lastAt) return undefined;
    if (!matches(wanted, first.message)) return undefined;
    const dlqId = last.state === 'FAILED' ? await findDlqId(redis, shard, messageId) : undefined;
    const summary = formatSummary(entries, dlqId);
    if (responseStatus && !(summary && responseStatus.includes(summary.responseStatus ?? -1))) return undefined;
    return summary;
  }

  return {
    async list(filter) {
      const few = await listFewPending(shards, filter, (messageId) => readSummary(messageId, undefined, filter));
      if (few) return { messages: few };
      const { state, cursor, count, fromDate = 0, toDate = Infinity } = filter;
      const from = Math.max(fromDate, Date.now() - retentionMs);
      const isFinal = state?.every((one) => finalStates.includes(one)) ?? false;
      const isAnyState = state === undefined;
      const stops = isAnyState ? ['CREATED'] : isFinal ? state : states;
      const isStop = states.map((one) => stops.includes(one));
      const isWanted = states.map((one) => !state || state.includes(one));
      const { fromDate: _f, toDate: _t, ...fields } = filter;
      const test = createDigestTest(fields);
      const seen = new Set<number>();
      const listed = new Set<string>();
      const messages: MessageSummary[] = [];
      let candidates: (LogOffset & { messageId: string; lastAt: number | undefined })[] = [];
      let lastListed: LogOffset | undefined;
      let looked = 0;
      let reads = 0;

      /** Reads the candidates; gives the offset of the last one that was looked at when the page is full. */
      const check = async (): Promise<LogOffset | undefined> => {
        if (filter.label) candidates = await logs.keepLabeled(candidates, filter.label);
        for (let begin = 0; begin < candidates.length; begin += readAtOnce) {
          const some = candidates.slice(begin, begin + readAtOnce);
          const found = await Promise.all(some.map(({ messageId, lastAt }) => readSummary(messageId, lastAt, filter)));
          reads += some.length;
          for (const [index, summary] of found.entries()) {
            const candidate = some[index];
            if (!summary || listed.has(summary.messageId)) continue;
            // Only one more shows that there is another page.
            if (messages.length === count) return lastListed;
            listed.add(summary.messageId);
            messages.push(summary);
            lastListed = candidate;
          }
          if (reads >= maxReads) return some.at(-1);
        }
        candidates = [];
        return undefined;
      };
      const page = (end: LogOffset | undefined) =>
        end ? { messages, cursor: `${end.segment}-${end.number}` } : { messages };

      const after = parseCursor(cursor);
      for await (const { segment, number, records } of logs.entries.walk({
        order: 'latestFirst',
        after,
        from,
        to: isAnyState ? toDate : Infinity,
      })) {
        for (let index = Math.floor(records.length / recordBytes) - 1; index >= 0; index--) {
          const at = index * recordBytes;
          const stateIndex = readStateIndex(records, at);
          if (!isStop[stateIndex]) continue;
          if (!isAnyState && !isFinal) {
            // The end of the random part of an id tells messages apart well enough to leave older entries out.
            const mark = records.readUIntLE(at + digestBytes + 11, 6);
            if (seen.has(mark)) continue;
            seen.add(mark);
          }
          if (!isWanted[stateIndex]) continue;
          const time = readTime(records, at);
          if (time < from || (isAnyState && time > toDate)) continue;
          if (test && !test(records, at)) continue;
          const lastAt = isAnyState || isFinal ? undefined : time;
          candidates.push({ segment, number: number + index, messageId: readRecord(records, at).messageId, lastAt });
          const next = messages.length + candidates.length >= count + 1 ? await check() : undefined;
          if (next) return page(next);
        }
        looked += Math.floor(records.length / recordBytes);
        if (looked < maxEntries) continue;
        return page((await check()) ?? { segment, number });
      }
      return page(await check());
    },
  };
}

function parseCursor(cursor: string | undefined): LogOffset | undefined {
  if (cursor === undefined) return undefined;
  const [segment = 0, number = 0] = cursor.split('-').map(Number);
  return { segment, number };
}
