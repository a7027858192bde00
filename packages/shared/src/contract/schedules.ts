import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { HeaderMapField, Ignored, Instant, Name } from './fields.ts';
import { messageFields } from './messages.ts';

const { messageId: _id, url: _url, topicName: _topic, endpointName: _endpoint, maxRetries, ...fields } = messageFields;

/** How a message of the last trigger ended, if it has; one that was canceled has failed. */
export const ScheduledState = z.enum(['IN_PROGRESS', 'SUCCESS', 'FAIL']);
export type ScheduledState = z.infer<typeof ScheduledState>;

/** A message that is published again and again (contract, http-api.md section 3.4). */
export const Schedule = z.object({
  ...fields,
  scheduleId: z.string(),
  cron: z.string(),
  /** A URL, or the name of a URL group. */
  destination: z.string(),
  createdAt: Instant,
  retries: maxRetries,
  isPaused: z.boolean(),
  bodyBase64: z.string().optional(),
  /** In seconds. */
  delay: z.number().optional(),
  /** In seconds. */
  timeout: z.number().optional(),
  callbackHeader: HeaderMapField.optional(),
  failureCallbackHeader: HeaderMapField.optional(),
  /** The last trigger that published. */
  lastScheduleTime: Instant.optional(),
  nextScheduleTime: Instant,
  /** The messages of that trigger. */
  lastScheduleStates: z.record(z.string(), ScheduledState).optional(),
  /** Why the last trigger could not publish. */
  error: z.string().optional(),
});
export type Schedule = z.infer<typeof Schedule>;

export const ScheduleCreated = z.object({ scheduleId: z.string() });
export type ScheduleCreated = z.infer<typeof ScheduleCreated>;

const params = z.object({ scheduleId: Name });
const pause = {
  path: '/v2/schedules/:scheduleId/pause',
  summary: 'Let times pass without publishing',
  scope: 'write',
  params,
  reply: Ignored,
} as const;
const resume = {
  ...pause,
  path: '/v2/schedules/:scheduleId/resume',
  summary: 'Publish again, from the next time on',
} as const;

/** The message of a schedule is bytes and headers, as that of a publish. */
export const schedules = {
  create: endpoint({
    method: 'POST',
    path: '/v2/schedules/*destination',
    summary: 'Publish a message at the times of a cron expression; a schedule with the same id is replaced',
    scope: 'write',
    reply: ScheduleCreated,
  }),
  list: endpoint({
    method: 'GET',
    path: '/v2/schedules',
    summary: 'List all schedules, without bodies above 16 KB',
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
  }),
  remove: endpoint({
    method: 'DELETE',
    path: '/v2/schedules/:scheduleId',
    summary: 'Remove a schedule; messages that it has made are left alone',
    scope: 'write',
    params,
    reply: Ignored,
  }),
  // Official clients send PATCH, the official documents say POST (contract, http-api.md section 7).
  pause: endpoint({ method: 'PATCH', ...pause }),
  pauseByPost: endpoint({ method: 'POST', ...pause }),
  resume: endpoint({ method: 'PATCH', ...resume }),
  resumeByPost: endpoint({ method: 'POST', ...resume }),
};
