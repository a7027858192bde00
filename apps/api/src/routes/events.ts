import type { Broker } from '@posthorn/broker';
import {
  contract,
  describeUnknownFilters,
  EventsQuery,
  filters,
  readLogFilter,
  type LogFilter,
} from '@posthorn/shared';
import type { Request } from 'express';
import { readAccess } from '../middleware/authenticate.ts';
import type { Warn } from '../middleware/warn.ts';
import { shareReads } from './cache.ts';
import type { route } from './route.ts';

/** Entries of a page that names no number (contract P48). */
const defaultCounts = { events: 1000, logs: 100 };
/** Tabs that read within this time share what was read. */
const tabsWithinMs = 100;

export const eventRoutes = ({ logPages }: Broker, list: typeof route, warn: Warn) => {
  /** Filters that are not known narrow nothing, and the wire format wants them to be accepted. */
  const warnOfUnknown = ({ query, res }: Request) => {
    const known = Object.keys(EventsQuery.shape);
    const tolerated = ['source', 'api'];
    const unknown = Object.keys(filters.withoutConfiguration(query) as object).filter(
      (name) => !known.includes(name) && !tolerated.includes(name) && /^[\w.-]+$/.test(name),
    );
    if (res && unknown.length > 0) warn(res, [describeUnknownFilters(unknown, known)]);
  };
  /**
   * Tabs of the console read the log at the same moment, when their streams have left out entries: they share a read. These
   * entries are older than `tabsWithinMs`, so that each tab gets them. A caller with a token has a read of its own, which
   * begins after everything that it did before.
   */
  const listForTabs = shareReads(tabsWithinMs, (filter: LogFilter) => logPages.list(filter));
  return [
    list(contract.events.events, async ({ query }, request) => {
      warnOfUnknown(request);
      const filter = readLogFilter(query, defaultCounts.events);
      return filter.isGrouped ? logPages.listGroups(filter) : logPages.list(filter);
    }),
    list(contract.events.logs, async ({ query }, request) => {
      warnOfUnknown(request);
      const filter = readLogFilter(query, defaultCounts.logs);
      if (filter.isGrouped) return logPages.listGroups(filter);
      const isTab = readAccess(request).isValid !== undefined;
      const { events, ...rest } = await (isTab ? listForTabs(filter) : logPages.list(filter));
      return { logs: events, ...rest };
    }),
  ];
};
