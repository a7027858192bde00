import { previewCron, type Broker } from '@posthorn/broker';
import { contract } from '@posthorn/shared';
import { route } from './route.ts';

export const findRoutes = ({ views }: Broker) => [
  route(contract.find.find, async ({ query }) => ({ hits: await views.find(query.q) })),
  route(contract.find.cron, async ({ query }) => previewCron(query.expression, Date.now())),
];
