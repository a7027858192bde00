import type { Broker } from '@posthorn/broker';
import { contract, PosthornError, saysWhich } from '@posthorn/shared';
import { route } from './route.ts';

export const messageRoutes = ({ messages }: Broker, single: typeof route) => [
  single(contract.messages.get, async ({ params }) => {
    const message = await messages.get(params.messageId);
    if (!message) throw new PosthornError('not_found', `message ${params.messageId} not found`);
    return message;
  }),
  route(contract.messages.cancel, async ({ params }) => {
    const cancelled = await messages.cancel([params.messageId]);
    if (cancelled === 0) throw new PosthornError('not_found', `message ${params.messageId} not found`);
    return { cancelled };
  }),
  route(contract.messages.runNow, async ({ params: { messageId } }) => {
    if (!(await messages.runNow(messageId))) throw new PosthornError('not_found', `message ${messageId} not found`);
    return { messageId };
  }),
  route(contract.messages.cancelMany, async ({ query, body }) => {
    if (body && !saysWhich(query, body)) {
      throw new PosthornError(
        'invalid_request',
        'messageIds: give ids of messages, a filter or a count, or send no body to cancel all',
      );
    }
    const { messageId, messageIds, count, callerIP, ...filter } = { ...query, ...body };
    const ids = messageIds ?? (messageId === undefined ? undefined : [messageId]);
    // Ids win over filters, and no ids are not all of them (contract P45, P47).
    if (ids) return { cancelled: await messages.cancel(ids.slice(0, count)) };
    const callerIp = filter.callerIp ?? callerIP;
    return { cancelled: await messages.cancelMatching({ ...filter, callerIp }, count) };
  }),
];
