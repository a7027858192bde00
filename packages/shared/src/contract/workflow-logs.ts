import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { Count, HeaderMapField, Instant, PageBytes } from './fields.ts';
import { FilterFields, filters } from './filters.ts';

export const runStates = ['RUN_STARTED', 'RUN_SUCCESS', 'RUN_FAILED', 'RUN_CANCELED'] as const;
const stepStates = ['STEP_PROGRESS', 'STEP_SUCCESS', 'STEP_RETRY', 'STEP_FAILED', 'STEP_CANCELED'] as const;
export const callbackStates = [
  'CALLBACK_INPROGRESS',
  'CALLBACK_SUCCESS',
  'CALLBACK_FAIL',
  'CALLBACK_CANCELED',
] as const;

const StepError = z
  .object({
    status: z.int().describe('Status of the response; 0 if there was none.'),
    headers: HeaderMapField,
    body: z.string().describe('Body of the response, or its beginning.'),
    error: z.string().meta({ description: 'Why the attempt failed.', example: '500 Internal Server Error' }),
    time: Instant.describe('When it failed, in milliseconds since 1970.'),
  })
  .meta({ id: 'StepError', description: 'A failed attempt at a step of a workflow.' });
export type StepError = z.infer<typeof StepError>;

/** A step of a run (contract W22); a body of more than 64 KiB is cut. */
const RunStep = z
  .object({
    stepId: z.int().optional().describe('Number of the step; absent for the first one.'),
    stepName: z.string().describe('Name that the workflow gives it.'),
    stepType: z.string().describe('`Initial`, `Run`, `SleepFor`, `SleepUntil`, `Call`, `Wait` and so on.'),
    callType: z.string().describe('Kind of its message.'),
    messageId: z.string().describe('Message that delivered it.'),
    out: z.string().optional().describe('Its result, or the payload of the run.'),
    concurrent: z.int().describe('Steps that run side by side with it, itself included.'),
    state: z.enum(stepStates).describe('How far it is.'),
    createdAt: Instant.describe('When it was accepted, in milliseconds since 1970.'),
    headers: HeaderMapField.describe('Headers of its message.'),
    retries: z.int().describe('How often its delivery is tried again at most.'),
    retryDelay: z.string().optional().describe('Expression for the wait before a retry.'),
    sleepFor: z.union([z.number(), z.string()]).optional().describe('How long it sleeps.'),
    sleepUntil: z.number().optional().describe('Until when it sleeps, in seconds since 1970.'),
    callUrl: z.string().optional().describe('URL of a call.'),
    callMethod: z.string().optional().describe('Method of a call.'),
    callHeaders: HeaderMapField.optional().describe('Headers of a call.'),
    callBody: z.string().optional().describe('Body of a call; base64 if it is not UTF-8.'),
    callResponseStatus: z.int().optional().describe('Status of the response to a call.'),
    callResponseBody: z.string().optional().describe('Body of that response; base64 if it is not UTF-8.'),
    callResponseHeaders: HeaderMapField.optional().describe('Headers of that response.'),
    waitEventId: z.string().optional().describe('Event that it waits for.'),
    waitTimeoutDuration: z.string().optional().describe('How long it waits at most.'),
    waitTimeoutDeadline: z.int().optional().describe('Until when it waits, in seconds since 1970.'),
    waitTimeout: z.boolean().optional().describe('The deadline came before the event.'),
    invokedWorkflowRunId: z.string().optional().describe('Run that it has started.'),
    invokedWorkflowUrl: z.string().optional().describe('Workflow of that run.'),
    invokedWorkflowCreatedAt: Instant.optional().describe('When that run began, in milliseconds since 1970.'),
    invokedWorkflowRunBody: z.string().optional().describe('Payload of that run.'),
    invokedWorkflowRunHeaders: HeaderMapField.optional().describe('Headers of that run.'),
  })
  .meta({ id: 'RunStep', description: 'A step of a workflow.' });
export type RunStepView = z.infer<typeof RunStep>;

const NextStep = z.object({
  messageId: z.string().describe('Message that is being delivered, or was given up.'),
  state: z.enum(stepStates).describe('How far its delivery is.'),
  retries: z.int().describe('How often it is tried again at most.'),
  retryDelay: z.string().optional().describe('Expression for the wait before a retry.'),
  nextDeliveryTime: Instant.optional().describe('When the next attempt is due, in milliseconds since 1970.'),
  errors: z.array(StepError).optional().describe('The failed attempts.'),
});
const group = <T extends string, S extends z.ZodType>(type: T, step: S) =>
  z.object({
    type: z.literal(type).describe('What the group is.'),
    steps: z.array(step).describe('Its steps.'),
  });
const RunGroup = z
  .discriminatedUnion('type', [group('sequential', RunStep), group('parallel', RunStep), group('next', NextStep)])
  .meta({ id: 'RunGroup', description: 'One step, steps side by side, or what is being delivered now.' });
export type RunGroup = z.infer<typeof RunGroup>;

const FailureFunction = z.object({
  messageId: z.string().describe('Message that reports the failure.'),
  url: z.string().describe('URL of the failure callback.'),
  state: z.enum(callbackStates).describe('What became of that.'),
  failHeaders: HeaderMapField.describe('Headers of the response that failed the run.'),
  failStatus: z.int().describe('Status of that response.'),
  failResponse: z.string().describe('Body of that response.'),
  dlqId: z.string().describe('Dead letter of the run.'),
  maxRetries: z.int().describe('Maximum number of retries of the failure callback.'),
  responseBody: z.string().optional().describe('What the failure function has returned.'),
  responseHeaders: HeaderMapField.optional().describe('Headers of its response.'),
  responseStatus: z.int().optional().describe('Status of its response.'),
  errors: z.array(StepError).optional().describe('Failed attempts at the failure callback.'),
});

/** A run with its steps (contract W22). */
export const RunView = z
  .object({
    workflowRunId: z.string().meta({ description: 'Id of the run.', example: 'wfr_4nDvyNkKL5wPXCaBcYzA2' }),
    workflowUrl: z.string().describe('Endpoint of the workflow.'),
    workflowState: z.enum(runStates).describe('How far the run is.'),
    workflowRunCreatedAt: Instant.describe('When it began, in milliseconds since 1970.'),
    workflowRunCompletedAt: Instant.optional().describe('When it ended, in milliseconds since 1970.'),
    workflowRunCallerIp: z.string().optional().describe('Address of the client that started it.'),
    workflowRunResponse: z.string().optional().describe('What the workflow has returned, as JSON.'),
    invoker: z
      .object({
        workflowRunId: z.string().describe('Id of that run.'),
        workflowUrl: z.string().describe('Its workflow.'),
        workflowRunCreatedAt: Instant.describe('When it began, in milliseconds since 1970.'),
      })
      .optional()
      .describe('Run whose step has started it.'),
    failureFunction: FailureFunction.optional().describe('What became of its failure function.'),
    dlqId: z.string().optional().describe('Its dead letter.'),
    label: z.string().optional().describe('The first label.'),
    labels: z.array(z.string()).optional().describe('All labels.'),
    flowControlKey: z.string().optional().describe('Its flow-control key.'),
    steps: z.array(RunGroup).describe('Its steps, in their order.'),
  })
  .meta({ id: 'Run', description: 'A run of a workflow.' });
export type RunView = z.infer<typeof RunView>;

const cursor = z.string().describe('Give it to the next call to go on; absent at the end.');
const ignored = z.unknown().meta({ description: 'Has no meaning; clients send it.', deprecated: true });

/** The filters that all calls about runs know. */
export const runFilterFields = {
  workflowRunId: filters.list.describe('Id of the run.'),
  workflowCreatedAt: FilterFields.fromDate.describe('When the run began, in milliseconds since 1970.'),
  workflowUrl: FilterFields.url.describe('URL of the workflow.'),
  label: FilterFields.label,
  flowControlKey: FilterFields.flowControlKey,
  callerIp: FilterFields.callerIp,
  fromDate: FilterFields.fromDate,
  toDate: FilterFields.toDate,
};

const maxRuns = 10;
const logQuery = z.preprocess(
  filters.withoutConfiguration,
  z
    .strictObject(
      {
        ...runFilterFields,
        state: filters.choice(runStates).describe('State of the run.'),
        messageId: filters.list.describe('Id of a message of the run.'),
        cursor: z.string().max(600).describe('Where to go on.'),
        count: Count(maxRuns),
        maxBytes: PageBytes,
        groupBy: ignored,
        trimBody: ignored,
      },
      { error: filters.unknownField },
    )
    .partial(),
);

const maxCanceled = 100;
const cancelFields = z.strictObject(
  {
    workflowRunIds: filters.list.describe('Ids of runs; other filters are then ignored.'),
    ...runFilterFields,
    workflowUrl: FilterFields.url.describe('Beginning of the URL of the workflow.'),
    workflowUrlExactMatch: z.enum(['true', 'false']).describe('`workflowUrl` is the whole URL.'),
    count: Count(maxCanceled),
    cursor: ignored,
  },
  { error: filters.unknownField },
);

const logs = {
  method: 'GET',
  scope: 'read',
  query: logQuery,
  reply: z.object({ runs: z.array(RunView).describe('The runs, newest first.'), cursor: cursor.optional() }),
} as const;

export const workflowLogs = {
  events: endpoint({
    ...logs,
    path: '/v2/workflows/events',
    summary: 'List runs of workflows with their steps, newest first',
  }),
  logs: endpoint({ ...logs, path: '/v2/workflows/logs', summary: 'The same as `GET /v2/workflows/events`' }),
  cancelMany: endpoint({
    method: 'DELETE',
    path: '/v2/workflows/runs',
    summary: 'Cancel runs by their ids or by filters',
    description: 'Without ids and filters, give a `count`, or an empty object as the body, to cancel any.',
    scope: 'write',
    query: z.preprocess(filters.withoutConfiguration, cancelFields.partial()),
    body: cancelFields
      .extend({
        workflowRunIds: filters.ids.describe('Ids of runs; an empty list names none.'),
        workflowUrlExactMatch: z.boolean().describe('`workflowUrl` is the whole URL.'),
      })
      .partial()
      .optional(),
    reply: z.object({ cancelled: z.int().describe('How many runs this call has canceled.') }),
  }),
};
