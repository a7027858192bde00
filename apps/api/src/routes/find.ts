import { previewCron, type Broker } from '@posthorn/broker';
import { contract } from '@posthorn/shared';
import type { PageRoute } from './page-route.ts';
import { route } from './route.ts';

export const findRoutes = ({ views }: Broker, page: PageRoute) => [
  page(contract.find.find, async ({ query }) => ({ hits: await views.find(query.q) })),
  route(contract.find.cron, ({ query }) => Promise.resolve(previewCron(query.expression, Date.now()))),
];
