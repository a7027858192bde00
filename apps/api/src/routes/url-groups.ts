import type { Broker } from '@posthorn/broker';
import { contract, groupNotFound, hidePassword, type UrlGroup } from '@posthorn/shared';
import type { PageRoute } from './page-route.ts';
import { route } from './route.ts';

export const urlGroupRoutes = (
  { urlGroups, views }: Broker,
  pages: { list: PageRoute; single: PageRoute; view: PageRoute },
) => {
  async function find(name: string): Promise<UrlGroup> {
    const group = await urlGroups.get(name);
    if (!group) throw groupNotFound(name);
    return group;
  }
  return [
    pages.list(contract.urlGroups.list, async function* () {
      for await (const group of urlGroups.list()) yield hidePasswords(group);
    }),
    pages.single(contract.urlGroups.get, async ({ params }) => hidePasswords(await find(params.name))),
    pages.view(contract.urlGroups.stats, async ({ params, query }) => {
      const { endpoints, ...times } = await views.stats.readEndpoints(await find(params.name), query.from, query.to);
      return { ...times, endpoints: endpoints.map(hidePasswordOf) };
    }),
    route(contract.urlGroups.addEndpoints, ({ params, body }) => urlGroups.addEndpoints(params.name, body.endpoints)),
    route(contract.urlGroups.removeEndpoints, ({ params, body }) =>
      urlGroups.removeEndpoints(params.name, body.endpoints),
    ),
    route(contract.urlGroups.setHeaders, ({ params, body }) => urlGroups.setHeaders(params.name, body.headers)),
    route(contract.urlGroups.remove, ({ params }) => urlGroups.remove(params.name)),
  ];
};

const hidePasswordOf = <T extends { url: string }>(endpoint: T): T => ({
  ...endpoint,
  url: hidePassword(endpoint.url),
});

/** A group as a caller sees it. Values of headers that are URLs, such as those of callbacks, have passwords, too. */
function hidePasswords(group: UrlGroup): UrlGroup {
  const { endpoints, headers } = group;
  const shown = endpoints.map(hidePasswordOf);
  if (!headers) return { ...group, endpoints: shown };
  const hide = ([name, values]: [string, string[]]) => [name, values.map(hidePassword)];
  return {
    ...group,
    endpoints: shown,
    headers: Object.fromEntries(Object.entries(headers).map(hide)) as typeof headers,
  };
}
