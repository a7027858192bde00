import type { Broker } from '@posthorn/broker';
import { contract, pageBytes, PosthornError } from '@posthorn/shared';
import type { route } from './route.ts';
import { route as plainRoute } from './route.ts';

const { workflowLogs } = contract;
const maxRuns = 10;
const maxCanceled = 100;

/** Runs with their steps, and what cancels many of them (contract W21, W22). */
export const workflowLogRoutes = ({ workflows }: Broker, list: typeof route) => [
  ...[workflowLogs.events, workflowLogs.logs].map((endpoint) =>
    list(endpoint, async ({ query }) => {
      const { cursor, count = maxRuns, maxBytes = pageBytes, groupBy: _g, trimBody: _t, ...filter } = query;
      return workflows.list(filter, { count, maxBytes }, cursor || undefined);
    }),
  ),
  plainRoute(workflowLogs.cancelMany, async ({ query, body }) => {
    const given = { ...query, ...body };
    const { workflowRunIds, count, cursor: _, workflowUrlExactMatch, ...filter } = given;
    if (workflowRunIds) return { cancelled: await workflows.cancelMany(workflowRunIds.slice(0, count)) };
    // Filters that a program left undefined must not mean all runs.
    if (!body && count === undefined && Object.values(filter).every((value) => value === undefined)) {
      throw new PosthornError(
        'invalid_request',
        'workflowRunIds: give ids of runs or filters, or a count to cancel any',
      );
    }
    const isPrefix = String(workflowUrlExactMatch ?? false) !== 'true';
    return { cancelled: await workflows.cancelMatching({ ...filter, isPrefix }, count ?? maxCanceled) };
  }),
];
