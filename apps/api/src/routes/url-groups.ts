import type { Broker } from '@posthorn/broker';
import { contract, PosthornError } from '@posthorn/shared';
import { route } from './route.ts';

export const urlGroupRoutes = ({ urlGroups }: Broker) => [
  route(contract.urlGroups.list, () => urlGroups.list()),
  route(contract.urlGroups.get, async ({ params }) => {
    const group = await urlGroups.get(params.name);
    if (!group) throw new PosthornError('not_found', `topic ${params.name} not found`);
    return group;
  }),
  route(contract.urlGroups.addEndpoints, ({ params, body }) => urlGroups.addEndpoints(params.name, body.endpoints)),
  route(contract.urlGroups.removeEndpoints, ({ params, body }) =>
    urlGroups.removeEndpoints(params.name, body.endpoints),
  ),
  route(contract.urlGroups.setHeaders, ({ params, body }) => urlGroups.setHeaders(params.name, body.headers)),
  route(contract.urlGroups.remove, ({ params }) => urlGroups.remove(params.name)),
];
