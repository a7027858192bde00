import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { Count, HeaderMapField } from './fields.ts';
import { MessageView } from './messages.ts';

/** A message that has finally failed, with the last answer of its destination (contract, http-api.md section 3.2). */
export const DlqMessage = MessageView.extend({
  dlqId: z.string(),
  responseStatus: z.int(),
  responseHeader: HeaderMapField.optional(),
  responseBody: z.string().optional(),
  responseBodyBase64: z.string().optional(),
});
export type DlqMessage = z.infer<typeof DlqMessage>;

const pageLimit = 100;

export const DlqQuery = z.object({
  cursor: z.string().max(100).optional(),
  count: Count(pageLimit).default(pageLimit),
});

export const dlq = {
  list: endpoint({
    method: 'GET',
    path: '/v2/dlq',
    summary: 'List the dead letter queue, oldest first',
    scope: 'read',
    query: DlqQuery,
    reply: z.object({ messages: z.array(DlqMessage), cursor: z.string().optional() }),
  }),
  get: endpoint({
    method: 'GET',
    path: '/v2/dlq/:dlqId',
    summary: 'Read one entry of the dead letter queue',
    scope: 'read',
    params: z.object({ dlqId: z.string() }),
    reply: DlqMessage,
  }),
};
