import type { Broker } from '@posthorn/broker';
import { contract, describeUnknownFilters, EventsQuery, filters, readLogFilter } from '@posthorn/shared';
import type { Request } from 'express';
import type { Warn } from '../middleware/warn.ts';
import type { route } from './route.ts';

/** Entries of a page that names no number (contract P48). */
const defaultCounts = { events: 1000, logs: 100 };

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
      const { events, ...rest } = await logPages.list(filter);
      return { logs: events, ...rest };
    }),
  ];
};
