import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { HeaderMapField, Ignored, Instant } from './fields.ts';
import { BatchItem } from './publish.ts';

const runId = z.string().meta({ description: 'Id of the run.', example: 'wfr_4nDvyNkKL5wPXCaBcYzA2' });
const eventId = z
  .string()
  .meta({ description: 'Id of the event, as the workflow names it.', example: 'order-42-paid' });

/** A step that waits for an event (contract W12). */
export const Waiter = z
  .object({
    url: z.string().describe('Endpoint of the workflow.'),
    deadline: z.int().describe('When the wait ends without the event, in seconds since 1970.'),
    headers: HeaderMapField.describe('Headers of the message that the event makes; they name the run.'),
    timeoutUrl: z.string().describe('Endpoint that gets the deadline.'),
    timeoutBody: z.string().optional().describe('Body that a client has given for the deadline.'),
    timeoutHeaders: HeaderMapField.describe('Headers of the message of the deadline.'),
  })
  .meta({ id: 'Waiter', description: 'A step of a workflow that waits for an event.' });
export type Waiter = z.infer<typeof Waiter>;

/** A waiter that was resumed (contract W13). */
export const Notified = z
  .object({
    waiter: Waiter,
    messageId: z.string().describe('Message that delivers the event to the workflow.'),
    error: z.literal('').describe('Always empty.'),
    workflowRunId: runId,
    workflowCreatedAt: Instant.describe('When the run began, in milliseconds since 1970.'),
  })
  .meta({ id: 'Notified', description: 'A step of a workflow that an event has resumed.' });

/** A run that was begun (contract W23). */
export const Triggered = z
  .object({
    workflowRunId: runId,
    workflowCreatedAt: Instant.describe('When the run began, in milliseconds since 1970.'),
    deduplicated: z.literal(true).optional().describe('A run with this id was active already; nothing was begun.'),
  })
  .meta({ id: 'Triggered', description: 'A run of a workflow that was begun.' });
export type Triggered = z.infer<typeof Triggered>;

/** An element of the step log of a run (contract W5). */
const RawStep = z.object({
  messageId: z.string().describe('Message that delivered it.'),
  body: z.string().describe('Its body in base64.'),
  callType: z.string().describe('`step`, `toCallback` or `fromCallback`.'),
});

const anyBody = z.unknown().describe('Any bytes.');
const notify = {
  method: 'POST',
  scope: 'write',
  status: 201,
  takesMessage: true,
  unlimited: true,
  reply: z.array(Notified),
  errors: ['limit_exceeded'],
} as const;
const webhook = {
  path: '/v2/workflows/hooks/:userId/:workflowRunId/:eventId',
  summary: 'Receive the call of a webhook of a workflow; the URL is the secret',
  scope: 'none',
  params: z.object({
    userId: z.string().describe('User of the token that made the URL.'),
    workflowRunId: runId,
    eventId,
  }),
  reply: z.object({}),
  errors: ['not_found', 'request_timeout', 'limit_exceeded', 'headers_too_large', 'rate_limited'],
} as const;

export const workflowRuns = {
  trigger: endpoint({
    method: 'POST',
    path: '/v2/trigger/*workflowUrl',
    summary: 'Begin a run of a workflow',
    description: 'The body is the payload of the run; `Upstash-Workflow-RunId` may name it.',
    scope: 'write',
    params: z.object({
      workflowUrl: z.string().meta({ description: 'URL of the workflow.', example: 'https://example.com/workflow' }),
    }),
    takesMessage: true,
    takesOptions: true,
    unlimited: true,
    reply: Triggered,
    errors: ['limit_exceeded', 'headers_too_large'],
  }),
  triggerMany: endpoint({
    method: 'POST',
    path: '/v2/batch/trigger',
    summary: 'Begin many runs of workflows',
    scope: 'write',
    status: 201,
    body: z.array(BatchItem, 'give an array of items, each with a destination').min(1, 'give at least one item'),
    unlimited: true,
    reply: z.array(Triggered),
    errors: ['limit_exceeded', 'headers_too_large'],
  }),
  wait: endpoint({
    method: 'POST',
    path: '/v2/wait/*eventId',
    summary: 'Register a step of a workflow that waits for an event; SDKs call this',
    scope: 'write',
    status: 201,
    params: z.object({ eventId }),
    body: anyBody,
    unlimited: true,
    reply: z.object({}),
    errors: ['limit_exceeded'],
  }),
  notify: endpoint({
    ...notify,
    path: '/v2/notify/*eventId',
    summary: 'Resume every step of a workflow that waits for an event',
    description:
      'The body is the data of the event. With the id of a run in front, `/v2/notify/{workflowRunId}/{eventId}`, only that run gets it, and keeps it for a step that does not wait yet.',
    params: z.object({ eventId }),
  }),
  waiters: endpoint({
    method: 'GET',
    path: '/v2/waiters/*eventId',
    summary: 'List the steps that wait for an event',
    scope: 'read',
    params: z.object({ eventId }),
    reply: z.array(Waiter),
  }),
  steps: endpoint({
    method: 'GET',
    path: '/v2/workflows/runs/:workflowRunId',
    summary: 'Read the step log of an active run',
    scope: 'read',
    params: z.object({ workflowRunId: runId }),
    unlimited: true,
    reply: z.array(RawStep),
    errors: ['not_found'],
  }),
  end: endpoint({
    method: 'DELETE',
    path: '/v2/workflows/runs/:workflowRunId',
    summary: 'Cancel a run; with `cancel=false` end it with the result in the body',
    scope: 'write',
    params: z.object({ workflowRunId: runId }),
    query: z.object({
      cancel: z
        .enum(['true', 'false'], 'use true or false, once')
        .optional()
        .describe('`false` when the workflow has returned.'),
    }),
    body: anyBody,
    unlimited: true,
    reply: Ignored,
    errors: ['invalid_request', 'not_found', 'limit_exceeded'],
  }),
  hookGet: endpoint({ ...webhook, method: 'GET' }),
  hookPost: endpoint({ ...webhook, method: 'POST', takesMessage: true }),
  hookPut: endpoint({ ...webhook, method: 'PUT', takesMessage: true }),
  hookPatch: endpoint({ ...webhook, method: 'PATCH', takesMessage: true }),
  hookDelete: endpoint({ ...webhook, method: 'DELETE', takesMessage: true }),
};
