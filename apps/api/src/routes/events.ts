import type { Broker } from '@posthorn/broker';
import { contract, readEventFilter } from '@posthorn/shared';
import type { route } from './route.ts';

/** Lines of a page that names no number (contract, http-api.md section 4.2). */
const pageLines = { events: 1000, logs: 100 };

export const eventRoutes = ({ eventPages }: Broker, list: typeof route) => [
  list(contract.events.events, async ({ query }) => {
    const filter = readEventFilter(query, pageLines.events);
    return filter.isGrouped ? eventPages.listGroups(filter) : eventPages.list(filter);
  }),
  list(contract.events.logs, async ({ query }) => {
    const filter = readEventFilter(query, pageLines.logs);
    if (filter.isGrouped) return eventPages.listGroups(filter);
    const { events, ...rest } = await eventPages.list(filter);
    return { logs: events, ...rest };
  }),
];
