import type { Broker } from '@posthorn/broker';
import { contract, PosthornError } from '@posthorn/shared';
import type { PageRoute } from './page-route.ts';
import { route, type Route } from './route.ts';

/**
 * Clients may write a key into the path without encoding it, also one with `/` (contract P36). Only the last segment is an
 * action. A key that begins with `/` must be encoded: an empty segment is a missing key.
 */
function takeSlashes(one: Route): Route {
  const [, action = ''] = /:key(.*)$/.exec(one.endpoint.path) ?? [];
  return { ...one, path: new RegExp(`^/v2/flowControl/(?<key>[^/].*?)${action}/?$`, 'is') };
}

export const flowControlRoutes = ({ flowControls }: Broker, list: PageRoute) => {
  const { flowControl } = contract;
  const ofOneKey = [
    route(flowControl.get, async ({ params }) => {
      const key = await flowControls.get(params.key);
      if (!key) throw new PosthornError('not_found', `flow-control key ${params.key} not found`);
      return key;
    }),
    route(flowControl.pause, ({ params }) => flowControls.setPaused(params.key, true)),
    route(flowControl.resume, ({ params }) => flowControls.setPaused(params.key, false)),
    route(flowControl.pin, ({ params, query: { parallelism, rate, period } }) =>
      flowControls.pin(params.key, {
        ...(parallelism === undefined ? {} : { parallelism }),
        ...(rate === undefined ? {} : { rate }),
        ...(period === undefined ? {} : { periodSeconds: period }),
      }),
    ),
    route(flowControl.unpin, ({ params, query }) => flowControls.unpin(params.key, query)),
    route(flowControl.resetRate, ({ params }) => flowControls.resetRate(params.key)),
    route(flowControl.reset, ({ params }) => flowControls.resetRate(params.key)),
  ];
  return [
    list(flowControl.list, ({ query }) => flowControls.list(query.search)),
    ...ofOneKey.map(takeSlashes),
    route(flowControl.globalParallelism, () => flowControls.globalParallelism()),
  ];
};
