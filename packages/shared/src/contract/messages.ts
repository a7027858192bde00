import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { HeaderMapField, Instant } from './fields.ts';

/** A message as a caller sees it (contract, http-api.md section 3.1). */
export const MessageView = z.object({
  messageId: z.string(),
  url: z.string(),
  topicName: z.string().optional(),
  endpointName: z.string().optional(),
  method: z.string(),
  header: HeaderMapField.optional(),
  body: z.string().optional(),
  bodyBase64: z.string().optional(),
  maxRetries: z.int(),
  notBefore: Instant,
  createdAt: Instant,
  callerIP: z.string(),
  callerIp: z.string(),
  label: z.string().optional(),
  labels: z.array(z.string()).optional(),
  retryDelayExpression: z.string().optional(),
});
export type MessageView = z.infer<typeof MessageView>;

export const messages = {
  get: endpoint({
    method: 'GET',
    path: '/v2/messages/:messageId',
    summary: 'Read one message that has not ended or ended a short time ago',
    scope: 'read',
    params: z.object({ messageId: z.string() }),
    reply: MessageView,
  }),
};
