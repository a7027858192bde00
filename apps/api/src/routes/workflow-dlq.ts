import type { Broker } from '@posthorn/broker';
import {
  contract,
  pageBytes,
  PosthornError,
  saysWhich,
  type RunLetter,
  type RunLetterListQuery,
  type RunLetterQuery,
  type Triggered,
} from '@posthorn/shared';
import type { Request } from 'express';
import { parseRetryOptions } from './retry-options.ts';
import { route as plainRoute, type route } from './route.ts';

const { workflowDlq } = contract;
const pageLimit = 100;

const notFound = (dlqId: string) => new PosthornError('not_found', `dlq message ${dlqId} not found`);

/** Parses a query into a filter of dead letters of runs. */
function parseLetterFilter(query: RunLetterQuery) {
  const { url, workflowUrl = url, failureCallbackState, failureFunctionState = failureCallbackState, ...given } = query;
  const { source: _s, groupBy: _g, trimBody: _t, cursor, count = pageLimit, ...filter } = given;
  return { ...filter, workflowUrl, failureFunctionState, cursor: cursor || undefined, count };
}

/**
 * The dead letters of runs that a bulk call means.
 *
 * @throws {PosthornError} `invalid_request` for a call that says neither which nor how many
 */
function parseBulkFilter(query: RunLetterQuery, body: Partial<RunLetterQuery> | undefined) {
  if (saysWhich(query, body)) return parseLetterFilter({ ...query, ...body });
  throw new PosthornError('invalid_request', 'dlqIds: give ids of entries or a filter, or a count to take the oldest');
}

/** A page of dead letters of runs (contract P49). */
export function listLetters(
  { workflows }: Broker,
  { maxBytes = pageBytes, ...query }: RunLetterListQuery,
): Promise<{ messages: RunLetter[]; cursor?: string }> {
  return workflows.letters.list(parseLetterFilter(query), maxBytes);
}

/** Runs that have failed (contract W20). */
export const workflowDlqRoutes = (broker: Broker, pages: { list: typeof route; single: typeof route }) => {
  const { letters } = broker.workflows;
  const repeatMany = async (
    filter: ReturnType<typeof parseBulkFilter>,
    request: Request,
    mode: 'restart' | 'resume',
  ) => {
    const options = parseRetryOptions(request);
    const { ids, cursor } = await letters.find(filter);
    const workflowRuns = await letters.repeat(ids, mode, options);
    if (!workflowRuns) throw new PosthornError('not_found', 'some messages were not found');
    return { workflowRuns, ...(cursor === undefined ? {} : { cursor }) };
  };
  const repeatOne = async (dlqId: string, request: Request, mode: 'restart' | 'resume') =>
    requireOne(dlqId, (await letters.repeat([dlqId], mode, parseRetryOptions(request)))?.[0]);

  return [
    pages.list(workflowDlq.list, ({ query }) => listLetters(broker, query)),
    plainRoute(workflowDlq.resumeMany, async ({ query, body }, request) =>
      repeatMany(parseBulkFilter(query, body), request, 'resume'),
    ),
    plainRoute(workflowDlq.restartMany, async ({ query, body }, request) =>
      repeatMany(parseBulkFilter(query, body), request, 'restart'),
    ),
    plainRoute(workflowDlq.resume, ({ params }, request) => repeatOne(params.dlqId, request, 'resume')),
    plainRoute(workflowDlq.restart, ({ params }, request) => repeatOne(params.dlqId, request, 'restart')),
    plainRoute(workflowDlq.callback, async ({ params: { dlqId } }) =>
      requireOne(dlqId, await letters.repeatCallback(dlqId)),
    ),
    plainRoute(workflowDlq.cancelCallback, async ({ params: { dlqId } }) =>
      requireOne(dlqId, await letters.cancelCallback(dlqId)),
    ),
    pages.single(workflowDlq.get, async ({ params: { dlqId } }) => requireOne(dlqId, await letters.get(dlqId))),
    plainRoute(workflowDlq.remove, async ({ params: { dlqId } }) => {
      const deleted = await letters.remove([dlqId]);
      if (deleted === 0) throw notFound(dlqId);
      return { deleted };
    }),
    plainRoute(workflowDlq.removeMany, async ({ query, body }) => {
      const filter = parseBulkFilter(query, body);
      const { ids, cursor } = await letters.find(filter);
      const deleted = await letters.remove(ids);
      if (filter.dlqIds && ids.length > 0 && deleted === 0)
        throw new PosthornError('not_found', 'some messages were not found');
      return { deleted, ...(cursor === undefined ? {} : { cursor }) };
    }),
  ];
};

function requireOne<T extends Triggered | RunLetter>(dlqId: string, found: T | undefined): T {
  if (!found) throw notFound(dlqId);
  return found;
}
