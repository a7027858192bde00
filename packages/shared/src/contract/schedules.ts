import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { DestinationParameter, HeaderMapField, Ignored, Instant, Name } from './fields.ts';
import { bodyTruncated, messageFields } from './messages.ts';

const { messageId: _id, url: _url, topicName: _topic, endpointName: _endpoint, maxRetries, ...fields } = messageFields;

/** How a message of the last trigger ended, if it has; one that was canceled has failed. */
export const ScheduledState = z.enum(['IN_PROGRESS', 'SUCCESS', 'FAIL']);
export type ScheduledState = z.infer<typeof ScheduledState>;

/** A message that is published again and again (contract O8). */
export const Schedule = z
  .object({
    ...fields,
    scheduleId: z.string().describe('Id of the schedule.'),
    cron: z.string().meta({
      description: 'Cron expression of the times at which it publishes.',
      example: 'CRON_TZ=Europe/Berlin 0 4 * * *',
    }),
    destination: z.string().describe('A URL, or the name of a URL group.'),
    body: z.string().optional().describe('The body, if it is text.'),
    createdAt: Instant.describe('Time of creation, in milliseconds since 1970.'),
    retries: maxRetries,
    isPaused: z.boolean().describe('Whether the schedule is paused and publishes nothing.'),
    bodyBase64: z.string().optional().describe('The body in base64, if it is not valid UTF-8.'),
    bodyTruncated,
    delay: z.int().optional().describe('Delay of each message, in seconds, rounded up.'),
    timeout: z.int().optional().describe('Timeout of an attempt, in seconds, rounded up.'),
    callbackHeader: HeaderMapField.optional().describe('Forwarded headers of the callback.'),
    failureCallbackHeader: HeaderMapField.optional().describe('Forwarded headers of the failure callback.'),
    lastScheduleTime: Instant.optional().describe(
      'Time of the last trigger that published, in milliseconds since 1970.',
    ),
    nextScheduleTime: Instant.describe('Time of the next trigger, in milliseconds since 1970.'),
    lastScheduleStates: z
      .record(z.string(), ScheduledState)
      .optional()
      .describe('State of each message of the last trigger, by message id.'),
    error: z.string().optional().describe('Error of the last trigger, if it could not publish.'),
  })
  .meta({ id: 'Schedule', description: 'A message that is published at the times of a cron expression.' });
export type Schedule = z.infer<typeof Schedule>;

export const ScheduleCreated = z
  .object({ scheduleId: z.string().meta({ description: 'Id of the schedule.', example: 'scd_6Gk2' }) })
  .meta({ id: 'ScheduleCreated', description: 'A schedule that was created or replaced.' });
export type ScheduleCreated = z.infer<typeof ScheduleCreated>;

const params = z.object({ scheduleId: Name.meta({ description: 'Id of the schedule.', example: 'scd_6Gk2' }) });
const pause = {
  path: '/v2/schedules/:scheduleId/pause',
  summary: 'Pause a schedule: skip times without publishing',
  scope: 'write',
  params,
  reply: Ignored,
  errors: ['not_found'],
} as const;
const resume = {
  ...pause,
  path: '/v2/schedules/:scheduleId/resume',
  summary: 'Resume a schedule from the next time on',
} as const;

/** The message of a schedule is bytes and headers, as that of a publish. */
export const schedules = {
  create: endpoint({
    method: 'POST',
    path: '/v2/schedules/*destination',
    summary:
      'Create a schedule, which publishes a message at the times of a cron expression; a schedule with the same id is replaced',
    scope: 'write',
    params: z.object({ destination: DestinationParameter }),
    takesMessage: true,
    takesOptions: true,
    reply: ScheduleCreated,
    errors: ['not_found', 'limit_exceeded', 'headers_too_large'],
  }),
  list: endpoint({
    method: 'GET',
    path: '/v2/schedules',
    summary: 'List all schedules, without bodies above 16 KiB',
    scope: 'read',
    reply: z.array(Schedule),
  }),
  get: endpoint({
    method: 'GET',
    path: '/v2/schedules/:scheduleId',
    summary: 'Read one schedule',
    scope: 'read',
    params,
    reply: Schedule,
    errors: ['not_found'],
  }),
  remove: endpoint({
    method: 'DELETE',
    path: '/v2/schedules/:scheduleId',
    summary: 'Remove a schedule; its existing messages are not affected',
    scope: 'write',
    params,
    reply: Ignored,
    errors: ['not_found'],
  }),
  run: endpoint({
    method: 'POST',
    path: '/v2/schedules/:scheduleId/run',
    summary: 'Publish the message of a schedule now, besides its times',
    scope: 'write',
    status: 201,
    params,
    reply: z.object({ messageId: messageFields.messageId }),
    errors: ['not_found', 'limit_exceeded'],
  }),
  // Official clients send PATCH, the official documents say POST (contract P24).
  pause: endpoint({ method: 'PATCH', ...pause }),
  pauseByPost: endpoint({ method: 'POST', ...pause }),
  resume: endpoint({ method: 'PATCH', ...resume }),
  resumeByPost: endpoint({ method: 'POST', ...resume }),
};
