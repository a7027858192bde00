import type { Broker } from '@posthorn/broker';
import { contract, namesEntries, PosthornError, readDlqFilter, RunLetterListQuery, saysWhich } from '@posthorn/shared';
import type { Request } from 'express';
import { parseRetryOptions } from './retry-options.ts';
import { route, type Route } from './route.ts';
import { listLetters } from './workflow-dlq.ts';

/** @param pages routes for what may be many megabytes */
export const dlqRoutes = (broker: Broker, pages: { list: typeof route; single: typeof route }): Route[] => {
  const { dlq, retryDeadLetters, views } = broker;
  const notFound = (dlqId: string) => new PosthornError('not_found', `dlq message ${dlqId} not found`);
  const list = pages.list(contract.dlq.list, async ({ query }) => dlq.list(readDlqFilter(query)));
  const runs = { ...contract.dlq.list, query: RunLetterListQuery };
  const listOfRuns = pages.list(runs, ({ query }) => listLetters(broker, query));
  return [
    { ...list, handle: (...all) => (isForRuns(all[0]) ? listOfRuns : list).handle(...all) } satisfies Route,
    pages.list(contract.dlq.summary, ({ query }) => views.dlq.summarize(readDlqFilter(query))),
    pages.single(contract.dlq.get, async ({ params }) => {
      const entry = await dlq.get(params.dlqId);
      if (!entry) throw notFound(params.dlqId);
      return entry;
    }),
    route(contract.dlq.remove, async ({ params }) => {
      if ((await dlq.remove([params.dlqId])) === 0) throw notFound(params.dlqId);
    }),
    route(contract.dlq.removeMany, async ({ query, body }) => {
      if (body && !saysWhich(query, body)) {
        throw new PosthornError(
          'invalid_request',
          'dlqIds: give ids of entries, a filter or a count, or send no body to remove the oldest',
        );
      }
      const { ids, cursor } = await dlq.find(readDlqFilter(query, body));
      return { deleted: await dlq.remove(ids), ...(cursor === undefined ? {} : { cursor }) };
    }),
    route(contract.dlq.retryMany, async ({ query, body }, request) => {
      const options = parseRetryOptions(request);
      const filter = readDlqFilter(query, body);
      // Ids that a program left undefined are an empty object in JSON: they must not mean all entries.
      if (body && !namesEntries(filter)) {
        throw new PosthornError(
          'invalid_request',
          'dlqIds: give the ids of entries, or send no body to retry the oldest',
        );
      }
      const { ids, cursor } = await dlq.find(filter);
      const responses = await retryDeadLetters(ids, options);
      if (!responses) throw new PosthornError('not_found', 'some messages were not found');
      return { responses, ...(cursor === undefined ? {} : { cursor }) };
    }),
    route(contract.dlq.retry, async ({ params }, request) => {
      const [published] = (await retryDeadLetters([params.dlqId], parseRetryOptions(request))) ?? [];
      if (!published) throw notFound(params.dlqId);
      return published;
    }),
  ];
};

/** Clients of workflows list their dead letters here, too, with filters of their own. */
function isForRuns({ query }: Request): boolean {
  return [query['source']].flat().some((text) => typeof text === 'string' && text.split(',').includes('workflow'));
}
