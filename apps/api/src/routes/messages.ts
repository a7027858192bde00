import type { Broker } from '@posthorn/broker';
import { contract, PosthornError } from '@posthorn/shared';
import { route } from './route.ts';

export const messageRoutes = ({ messages }: Broker) => [
  route(contract.messages.get, async ({ params }) => {
    const message = await messages.get(params.messageId);
    if (!message) throw new PosthornError('not_found', `message ${params.messageId} not found`);
    return message;
  }),
];
