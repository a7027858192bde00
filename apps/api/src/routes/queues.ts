import type { Broker } from '@posthorn/broker';
import { contract, PosthornError } from '@posthorn/shared';
import type { PageRoute } from './page-route.ts';
import { route } from './route.ts';

export const queueRoutes = ({ queues }: Broker, list: PageRoute) => [
  route(contract.queues.upsert, ({ body }) =>
    queues.upsert(body.queueName, { parallelism: body.parallelism ?? undefined, paused: body.paused ?? undefined }),
  ),
  list(contract.queues.list, () => queues.list()),
  route(contract.queues.get, async ({ params }) => {
    const queue = await queues.get(params.name);
    if (!queue) throw new PosthornError('not_found', `queue ${params.name} not found`);
    return queue;
  }),
  route(contract.queues.remove, ({ params }) => queues.remove(params.name)),
  route(contract.queues.pause, ({ params }) => queues.setPaused(params.name, true)),
  route(contract.queues.resume, ({ params }) => queues.setPaused(params.name, false)),
];
