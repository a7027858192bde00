import { readDlqId, type Broker } from '@posthorn/broker';
import { contract, PosthornError } from '@posthorn/shared';
import { route } from './route.ts';

export const dlqRoutes = ({ dlq }: Broker) => [
  route(contract.dlq.list, async ({ query }) => {
    const cursor = query.cursor || undefined;
    if (cursor && !readDlqId(cursor)) {
      throw new PosthornError('invalid_request', 'cursor: use the cursor of an earlier answer');
    }
    return dlq.list(cursor, query.count);
  }),
  route(contract.dlq.get, async ({ params }) => {
    const entry = await dlq.get(params.dlqId);
    if (!entry) throw new PosthornError('not_found', `dead letter ${params.dlqId} not found`);
    return entry;
  }),
];
