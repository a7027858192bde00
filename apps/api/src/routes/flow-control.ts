import type { Broker } from '@posthorn/broker';
import { contract, PosthornError } from '@posthorn/shared';
import type { PageRoute } from './page-route.ts';
import { route } from './route.ts';

export const flowControlRoutes = ({ flowControls }: Broker, list: PageRoute) => {
  const { flowControl } = contract;
  return [
    list(flowControl.list, ({ query }) => flowControls.list(query.search)),
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
    route(flowControl.globalParallelism, () => flowControls.globalParallelism()),
  ];
};
