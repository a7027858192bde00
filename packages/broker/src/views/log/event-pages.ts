import { setImmediate } from 'node:timers/promises';
import type { EventFilter, EventView } from '@posthorn/shared';
import type { BodyStore } from '../../engine/shards/body.ts';
import type { EventLog } from '../../engine/log/event-log.ts';
import { createEventWriter } from './event-view.ts';
import type { Position } from '../../engine/log/line-list.ts';
import { searchLines, type Hit } from './search.ts';

/** Segments of the log count from 1; this one stands for entries that were not searched in it. */
const namedPosition = { segment: 0 };

/** Entries, or groups of them, that are written in one turn of the event loop. */
const writeAtOnce = 10;

/** The lines of one message in an answer. */
export interface EventGroup {
  messageId: string;
  events: EventView[];
}

/** The log as its readers see it: page by page (contract P49, P50). */
export interface EventPages {
  list(filter: EventFilter): Promise<{ events: EventView[]; cursor?: string }>;
  /** The same by message. */
  listGroups(filter: EventFilter): Promise<{ messages: EventGroup[]; cursor?: string }>;
}

export function createEventPages(log: EventLog, bodies: BodyStore, retentionMs: number): EventPages {
  /** The entries that the filter means, in groups or one by one. */
  async function find(filter: EventFilter): Promise<{ hits: Hit[]; next?: Position }> {
    const { messageIds, count = Infinity } = filter;
    if (!messageIds) return searchLines(log, { ...filter, count, retentionMs });
    return findNamed(messageIds, filter);
  }

  /** The entries of named messages: one page, unless `count` asks for less than there is. */
  async function findNamed(ids: string[], filter: EventFilter): Promise<{ hits: Hit[]; next?: Position }> {
    const { state, count = Infinity, isGrouped, order, cursor } = filter;
    const histories = await Promise.all(ids.map((id) => log.read(id)));
    const groups = histories
      .map(({ events }) => events.reverse().filter((event) => !state || state.includes(event.state)))
      .filter((events) => events.length > 0);
    const found = isGrouped ? groups : sortByTime(groups.flat(), 'latestFirst').map((event) => [event]);
    // A position counts from the oldest entry, so that entries that are added between two pages do not move it.
    const hits = found.map((events, index) => ({ ...namedPosition, line: found.length - 1 - index, events }));
    if (order === 'earliestFirst') hits.reverse();
    const [first, line] = (cursor ?? '').split('-').map(Number);
    const rest = hits.filter((hit) => {
      if (cursor === undefined) return true;
      // A cursor without a line is a time: older entries follow.
      if (line === undefined) return (hit.events[0]?.time ?? 0) < Number(first);
      return order === 'latestFirst' ? hit.line < line : hit.line > line;
    });
    const page = rest.slice(0, count);
    const last = page.at(-1);
    return last && rest.length > page.length ? { hits: page, next: last } : { hits: page };
  }

  /** Ends a page when its answer is full. What was named and does not fit has no page to come: it goes without bodies. */
  async function writePage(filter: EventFilter): Promise<{ groups: EventView[][]; cursor?: string }> {
    const { hits, next } = await find(filter);
    const writer = createEventWriter(log, bodies, filter);
    const groups: EventView[][] = [];
    let last: Position | undefined;
    for (const { segment, line, events } of hits) {
      const isFull = last && !filter.messageIds && !(await writer.hasRoom(events));
      if (last && isFull) return { groups, cursor: writeCursor(last) };
      const group: EventView[] = [];
      for (const event of events) group.push(await writer.write(event));
      groups.push(group);
      // Nothing of this waits for Redis if bodies are small, and a page has up to a thousand entries.
      if (groups.length % writeAtOnce === 0) await setImmediate();
      last = { segment, line };
    }
    return next ? { groups, cursor: writeCursor(next) } : { groups };
  }

  return {
    async list(filter) {
      const { groups, ...rest } = await writePage({ ...filter, isGrouped: false });
      // The list has lines in the order in which they were written, which is not always that of their time.
      return { events: sortByTime(groups.flat(), filter.order), ...rest };
    },
    async listGroups(filter) {
      const { groups, ...rest } = await writePage({ ...filter, isGrouped: true });
      return { messages: groups.map((events) => ({ messageId: events[0]?.messageId ?? '', events })), ...rest };
    },
  };
}

function writeCursor({ segment, line }: Position): string {
  return `${segment}-${line}`;
}

/** Lines of one instant keep their order. */
function sortByTime<T extends { time: number }>(events: T[], order: EventFilter['order']): T[] {
  return events.sort((a, b) => (order === 'latestFirst' ? b.time - a.time : a.time - b.time));
}
