import { setImmediate } from 'node:timers/promises';
import type { LogFilter, LogEntryView } from '@posthorn/shared';
import type { BodyStore } from '../../engine/shards/body.ts';
import type { LogStore } from '../../engine/log/log-store.ts';
import { createEntryFormatter } from './entry-formatter.ts';
import type { LogOffset } from '../../engine/log/entry-list.ts';
import { isMeant, searchEntries, type Hit } from './search.ts';

/** Segments of the log count from 1; this one stands for entries that were not searched in it. */
const namedOffset = { segment: 0 };

/** Entries, or groups of them, that are written in one turn of the event loop. */
const writeAtOnce = 10;

/** The entries of one message in a response. */
export interface LogGroup {
  messageId: string;
  events: LogEntryView[];
}

/** The log as its readers see it: page by page (contract P49, P50). */
export interface LogPages {
  list(filter: LogFilter): Promise<{ events: LogEntryView[]; cursor?: string }>;
  /** The same by message. */
  listGroups(filter: LogFilter): Promise<{ messages: LogGroup[]; cursor?: string }>;
}

export function createLogPages(logs: LogStore, bodies: BodyStore, retentionMs: number): LogPages {
  /** The entries that the filter means, in groups or one by one. */
  async function find(filter: LogFilter): Promise<{ hits: Hit[]; next?: LogOffset }> {
    const { messageIds, messageId, count = Infinity } = filter;
    if (messageIds) {
      const { state, order, isGrouped, maxBytes } = filter;
      const hits = await readNamed(messageIds, { state, order, isGrouped, maxBytes });
      return { hits: hits.slice(0, count) };
    }
    if (messageId) return cutPage(await readNamed(messageId, filter), filter);
    return searchEntries(logs, { ...filter, count, retentionMs });
  }

  /** The entries of these messages that the filter means. */
  async function readNamed(ids: readonly string[], filter: LogFilter): Promise<Hit[]> {
    const { isGrouped, order, fromDate = 0, toDate = Infinity } = filter;
    const found = await Promise.all([...new Set(ids)].map((id) => logs.read(id)));
    const groups = found
      .map(({ entries }) => entries.reverse().filter((entry) => isMeant(filter, entry, fromDate, toDate)))
      .filter((entries) => entries.length > 0);
    const listed = isGrouped ? groups : sortByTime(groups.flat(), 'latestFirst').map((entry) => [entry]);
    // The number counts from the oldest entry, so that entries that are added between two pages do not move it.
    const hits = listed.map((entries, index) => ({ ...namedOffset, number: listed.length - 1 - index, entries }));
    return order === 'earliestFirst' ? hits.reverse() : hits;
  }

  /** What follows the cursor, up to `count`. */
  function cutPage(hits: Hit[], { cursor, order, count }: LogFilter): { hits: Hit[]; next?: LogOffset } {
    const [first, number] = (cursor ?? '').split('-').map(Number);
    const rest = hits.filter((hit) => {
      if (cursor === undefined) return true;
      // A cursor without a number is a time: older entries follow.
      if (number === undefined) return (hit.entries[0]?.time ?? 0) < Number(first);
      return order === 'latestFirst' ? hit.number < number : hit.number > number;
    });
    const page = rest.slice(0, count);
    const last = page.at(-1);
    return last && rest.length > page.length ? { hits: page, next: last } : { hits: page };
  }

  /**
   * Ends a page when its response is full. Entries of named messages that do not fit come without bodies instead: which
   * states a message went through is on one page.
   */
  async function formatPage(filter: LogFilter): Promise<{ groups: LogEntryView[][]; cursor?: string }> {
    const { hits, next } = await find(filter);
    const isNamed = (filter.messageIds ?? filter.messageId) !== undefined;
    const formatter = createEntryFormatter(logs, bodies, filter);
    const groups: LogEntryView[][] = [];
    let last: LogOffset | undefined;
    for (const { segment, number, entries } of hits) {
      const isFull = last && !isNamed && !(await formatter.hasRoom(entries));
      if (last && isFull) return { groups, cursor: formatCursor(last) };
      const group: LogEntryView[] = [];
      for (const entry of entries) group.push(await formatter.format(entry));
      groups.push(group);
      // Nothing of this waits for Redis if bodies are small, and a page has up to a thousand entries.
      if (groups.length % writeAtOnce === 0) await setImmediate();
      last = { segment, number };
    }
    return next ? { groups, cursor: formatCursor(next) } : { groups };
  }

  return {
    async list(filter) {
      const { groups, ...rest } = await formatPage({ ...filter, isGrouped: false });
      // The list has entries in the order in which they were written, which is not always that of their time.
      return { events: sortByTime(groups.flat(), filter.order), ...rest };
    },
    async listGroups(filter) {
      const { groups, ...rest } = await formatPage({ ...filter, isGrouped: true });
      return { messages: groups.map((events) => ({ messageId: events[0]?.messageId ?? '', events })), ...rest };
    },
  };
}

function formatCursor({ segment, number }: LogOffset): string {
  return `${segment}-${number}`;
}

/** Entries of one instant keep their order. */
function sortByTime<T extends { time: number }>(entries: T[], order: LogFilter['order']): T[] {
  return entries.sort((a, b) => (order === 'latestFirst' ? b.time - a.time : a.time - b.time));
}
