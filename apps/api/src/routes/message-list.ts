import type { Broker } from '@posthorn/broker';
import { contract, PosthornError, readMessageListFilter } from '@posthorn/shared';
import type { route } from './route.ts';

/** `GET /v2/messages` and the timeline of one message. */
export const messageListRoutes = ({ views }: Broker, pages: { list: typeof route; single: typeof route }) => [
  pages.list(contract.messageList.list, ({ query }) => views.messages.list(readMessageListFilter(query))),
  pages.single(contract.messageList.timeline, async ({ params: { messageId }, query }) => {
    const timeline = await views.timelines.read(messageId, query);
    if (!timeline) throw new PosthornError('not_found', `message ${messageId} not found`);
    return timeline;
  }),
];
