import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { Count, HeaderMapField, Instant, PageBytes } from './fields.ts';
import { FilterFields, filters } from './filters.ts';
import { bodyTruncated, responseBodyTruncated } from './messages.ts';
import { callbackStates, runFilterFields } from './workflow-logs.ts';
import { Triggered } from './workflow-runs.ts';

/** A run that has failed (contract W20). */
export const RunLetter = z
  .object({
    dlqId: z.string().meta({ description: 'Id of the entry.', example: '1725323658779-0' }),
    messageId: z.string().describe('Message whose delivery was given up.'),
    workflowRunId: z.string().describe('Id of the run.'),
    workflowCreatedAt: Instant.describe('When the run began, in milliseconds since 1970.'),
    workflowUrl: z.string().describe('Endpoint of the workflow.'),
    url: z.string().describe('The same as `workflowUrl`.'),
    method: z.string().describe('Always POST.'),
    header: HeaderMapField.optional().describe('Headers of the first message of the run.'),
    body: z.string().optional().describe('Payload of the run, if it is text.'),
    bodyBase64: z.string().optional().describe('Payload of the run in base64, if it is not valid UTF-8.'),
    bodyTruncated,
    maxRetries: z.int().describe('How often a failed delivery was repeated at most.'),
    notBefore: Instant.describe('No attempt before this instant, in milliseconds since 1970.'),
    createdAt: Instant.describe('When the run failed, in milliseconds since 1970.'),
    callerIP: z.string().describe('Address of the client that started the run.'),
    callerIp: z.string().describe('The same as `callerIP`.'),
    label: z.string().optional().describe('The first label.'),
    labels: z.array(z.string()).optional().describe('All labels.'),
    flowControlKey: z.string().optional().describe('Its flow-control key.'),
    responseStatus: z.int().describe('Status of the last response; 0 if there was none.'),
    responseHeader: HeaderMapField.optional().describe('Headers of the last response.'),
    responseBody: z.string().optional().describe('Body of the last response, if it is text.'),
    responseBodyBase64: z
      .string()
      .optional()
      .describe('Body of the last response in base64, if it is not valid UTF-8.'),
    responseBodyTruncated,
    error: z.string().optional().describe('Why the run failed.'),
    failureCallback: z.string().optional().describe('URL of the failure callback.'),
    failureCallbackHeader: HeaderMapField.optional().describe('Headers of the failure callback.'),
    failureCallbackInfo: z
      .object({
        state: z.enum(callbackStates).describe('What became of the failure callback.'),
        responseStatus: z.int().optional().describe('Status of its response.'),
        responseBody: z.string().optional().describe('Body of its response.'),
        responseHeaders: HeaderMapField.optional().describe('Headers of its response.'),
      })
      .optional()
      .describe('The failure callback, if there is one.'),
  })
  .meta({ id: 'RunLetter', description: 'A run of a workflow that has failed.' });
export type RunLetter = z.infer<typeof RunLetter>;

const pageLimit = 100;
const cursor = z.string().describe('Give it to the next call to go on; absent at the end.');
const ignored = z.unknown().meta({ description: 'Has no meaning; clients send it.', deprecated: true });

/** Ids that one call names at most. */
export const maxIds = 1000;

/** The body of a call that repeats dead letters knows nothing but ids. */
export const EntryIds = z
  .strictObject(
    {
      dlqIds: filters
        .idsOrOne({ min: 1, max: maxIds })
        .describe('Ids of entries, 1 to 1,000; they replace those of the query.'),
    },
    { error: filters.unknownField },
  )
  .partial()
  .optional();

const letterFields = z
  .strictObject(
    {
      dlqIds: filters.list.describe('Ids of entries; other filters are then ignored.'),
      ...runFilterFields,
      url: FilterFields.url.describe('The same as `workflowUrl`.'),
      failureFunctionState: filters.choice(callbackStates).describe('State of the failure callback.'),
      failureCallbackState: filters.choice(callbackStates).describe('The same as `failureFunctionState`.'),
      responseStatus: filters.statuses.describe('Status of the last response; 0 stands for none.'),
      messageId: filters.list.describe('Message whose delivery was given up.'),
      cursor: cursor
        .regex(/^(\d{1,15}-\d{1,9})?$/, 'use the cursor of an earlier response')
        .describe('Where to go on.'),
      count: Count(pageLimit),
      source: ignored,
      groupBy: ignored,
      trimBody: ignored,
    },
    { error: filters.unknownField },
  )
  .partial();
/** Which dead letters of runs a call means. */
export const RunLetterQuery = z.preprocess(filters.withoutConfiguration, letterFields);
export type RunLetterQuery = z.output<typeof letterFields>;
/** The same of a page of them. */
export const RunLetterListQuery = z.preprocess(
  filters.withoutConfiguration,
  letterFields.extend({ maxBytes: PageBytes.optional() }),
);
export type RunLetterListQuery = z.output<typeof RunLetterListQuery>;
const letterBody = letterFields.extend({
  dlqIds: filters
    .idsOrOne({ max: maxIds })
    .optional()
    .describe('Ids of entries, at most 1,000; an empty list selects none.'),
});

const params = z.object({ dlqId: RunLetter.shape.dlqId });
const many = {
  method: 'POST',
  scope: 'write',
  description: 'Give ids, a filter, a `count` or a `cursor`.',
  query: RunLetterQuery,
  body: EntryIds,
  takesOptions: true,
  reply: z.object({
    workflowRuns: z.array(Triggered).describe('The new runs, in the order of the entries.'),
    cursor: cursor.optional(),
  }),
  errors: ['not_found', 'limit_exceeded'],
} as const;
const one = {
  method: 'POST',
  scope: 'write',
  params,
  takesOptions: true,
  reply: Triggered,
  errors: ['not_found', 'limit_exceeded'],
} as const;

export const workflowDlq = {
  list: endpoint({
    method: 'GET',
    path: '/v2/workflows/dlq',
    summary: 'List runs that have failed, oldest first',
    scope: 'read',
    query: RunLetterListQuery,
    reply: z.object({ messages: z.array(RunLetter).describe('The entries.'), cursor: cursor.optional() }),
  }),
  get: endpoint({
    method: 'GET',
    path: '/v2/workflows/dlq/:dlqId',
    summary: 'Read one run that has failed',
    scope: 'read',
    params,
    reply: RunLetter,
    errors: ['not_found'],
  }),
  remove: endpoint({
    method: 'DELETE',
    path: '/v2/workflows/dlq/:dlqId',
    summary: 'Remove one dead letter of a run; its log stays',
    scope: 'write',
    params,
    reply: z.object({ deleted: z.int().describe('Always 1.') }),
    errors: ['not_found'],
  }),
  removeMany: endpoint({
    method: 'DELETE',
    path: '/v2/workflows/dlq',
    summary: 'Remove dead letters of runs by their ids or by filters; with only a count, the oldest',
    description: 'Give ids, a filter, a `count` or a `cursor`.',
    scope: 'write',
    query: RunLetterQuery,
    body: letterBody.optional(),
    reply: z.object({ deleted: z.int().describe('How many entries were removed.'), cursor: cursor.optional() }),
    errors: ['not_found'],
  }),
  resumeMany: endpoint({
    ...many,
    path: '/v2/workflows/dlq/resume',
    summary: 'Go on with failed runs, as new runs, at the step that failed',
  }),
  restartMany: endpoint({
    ...many,
    path: '/v2/workflows/dlq/restart',
    summary: 'Begin failed runs again, as new runs, with the same payload',
  }),
  resume: endpoint({
    ...one,
    path: '/v2/workflows/dlq/resume/:dlqId',
    summary: 'Go on with one failed run, as a new run, at the step that failed',
  }),
  restart: endpoint({
    ...one,
    path: '/v2/workflows/dlq/restart/:dlqId',
    summary: 'Begin one failed run again, as a new run, with the same payload',
  }),
  callback: endpoint({
    method: 'POST',
    path: '/v2/workflows/dlq/callback/:dlqId',
    summary: 'Send a failure callback again that has failed',
    scope: 'write',
    params,
    reply: Triggered,
    errors: ['not_found', 'invalid_request'],
  }),
  cancelCallback: endpoint({
    method: 'DELETE',
    path: '/v2/workflows/dlq/callback/:dlqId',
    summary: 'Cancel a failure callback that is in progress',
    scope: 'write',
    params,
    reply: Triggered,
    errors: ['not_found', 'invalid_request'],
  }),
};
