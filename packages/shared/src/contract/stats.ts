import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { Count, Instant, positiveWhole, positiveWholeText } from './fields.ts';
import { FilterFields, filters } from './filters.ts';
import { messageFields } from './messages.ts';

/** What is counted. */
export const counterNames = ['accepted', 'delivered', 'failed', 'canceled', 'attempts', 'errors', 'retries'] as const;
export type CounterName = (typeof counterNames)[number];

/** A description of each counter. */
export const counterFields = {
  accepted: z.int().describe('Messages that were accepted.'),
  delivered: z.int().describe('Messages that were delivered.'),
  failed: z.int().describe('Messages that finally failed.'),
  canceled: z.int().describe('Messages that were canceled.'),
  attempts: z.int().describe('Attempts that ended.'),
  errors: z.int().describe('Attempts that failed.'),
  retries: z.int().describe('Attempts that will be repeated.'),
};
export const Counters = z.object(counterFields).meta({ id: 'Counters', description: 'Counts of a period.' });
export type Counters = z.infer<typeof Counters>;

/** What counts are kept for, besides the total. */
export const statGroups = ['host', 'label', 'queueName', 'topicName', 'flowControlKey', 'responseStatus'] as const;
export type StatGroup = (typeof statGroups)[number];

/** Counts over time. */
export const Stats = z
  .object({
    from: Instant.describe('Start of the first period, in milliseconds since 1970.'),
    to: Instant.describe('End of the last period, in milliseconds since 1970.'),
    step: z.int().describe('Length of a period, in milliseconds.'),
    totals: Counters.describe('Counts of the whole time.'),
    series: z
      .array(
        z.object({
          key: z.string().describe('Value of the field that is grouped by; empty for the total.'),
          points: z
            .array(z.object({ time: Instant.describe('Start of the period.'), ...counterFields }))
            .describe('Counts of each period, oldest first.'),
        }),
      )
      .describe('The total, or one series for each of the top values.'),
    top: z
      .array(
        z.object({
          key: z.string().describe('Value of the field that is grouped by.'),
          count: z.int().describe('Messages or, for a status, attempts.'),
        }),
      )
      .describe('The values with the largest counts; empty without `groupBy`.'),
  })
  .meta({ id: 'Stats', description: 'Counts over time.' });
export type Stats = z.infer<typeof Stats>;

const instant = FilterFields.fromDate;
/** Between which times is counted. */
export const statsTimes = {
  from: instant.describe('Start, in milliseconds since 1970; 24 hours ago by default.'),
  to: instant.describe('End, in milliseconds since 1970; now by default.'),
};
/** How many of the attempts succeeded. */
export const SuccessRate = z
  .number()
  .describe('Share of the attempts that succeeded, from 0 to 1; 1 without attempts.');
const whole = (description: string, max: number) =>
  z
    .string()
    .regex(positiveWhole, positiveWholeText)
    .transform(Number)
    .pipe(z.number().max(max, `use at most ${max}`))
    .describe(description);

const { host, label, queueName, topicName, flowControlKey } = FilterFields;
/** Counts are kept for each value alone, so that one value of one field can be asked for. */
const one = <T extends z.ZodType<string[]>>(list: T) => list.refine(({ length }) => length === 1, 'use one value');

const statsFields = z
  .strictObject(
    {
      ...statsTimes,
      step: whole('Length of a period in milliseconds, a multiple of 60,000; chosen by default.', 30 * 86_400_000),
      groupBy: z.enum(statGroups, `use one of ${statGroups.join(', ')}`).describe('Field whose values are compared.'),
      top: whole('How many values; 10 by default.', 50),
      host: one(host).describe('Host of the destination.'),
      label: one(label).describe('A label.'),
      queueName: one(queueName).describe('A queue.'),
      topicName: one(topicName).describe('A URL group.'),
      flowControlKey: one(flowControlKey).describe('A flow-control key.'),
    },
    { error: filters.unknownField },
  )
  .partial()
  .refine(
    ({ groupBy, ...given }) => {
      const named = statGroups.filter((name) => name in given && given[name as keyof typeof given] !== undefined);
      return named.length === 0 || (named.length === 1 && (groupBy === undefined || groupBy === named[0]));
    },
    { path: ['groupBy'], message: `counts are kept for one field at a time: use one of ${statGroups.join(', ')}` },
  );
export type StatsQuery = z.output<typeof statsFields>;

/** How deliveries to one host go. */
export const DestinationView = z
  .object({
    host: z.string().meta({ description: 'Host of the destinations.', example: 'api.example.com' }),
    attempts: counterFields.attempts,
    delivered: counterFields.delivered,
    errors: counterFields.errors,
    failed: counterFields.failed,
    successRate: SuccessRate,
    p50Ms: z.number().describe('Half of the attempts took at most so many milliseconds, about.'),
    p95Ms: z.number().describe('95 of 100 attempts took at most so many milliseconds, about.'),
    waiting: z.int().describe('Messages that have not ended; estimated when there are more than 1,000 in all.'),
    inFlight: z.int().describe('Attempts that run now; estimated likewise.'),
    dead: z.int().describe('Entries in the dead letter queue.'),
    lastDeliveredAt: Instant.optional().describe('When the last message was delivered, in milliseconds since 1970.'),
    lastError: z
      .object({
        time: Instant.describe('When it happened, in milliseconds since 1970.'),
        messageId: messageFields.messageId,
        responseStatus: z.int().optional().describe('Status of the response, if there was one.'),
        error: z.string().describe('Why the attempt failed.'),
      })
      .optional()
      .describe('The last attempt that failed.'),
  })
  .meta({ id: 'Destination', description: 'How deliveries to one host go.' });
export type DestinationView = z.infer<typeof DestinationView>;

const destinationsFields = z
  .strictObject(
    {
      ...statsTimes,
      order: z
        .enum(['errors', 'attempts', 'slow', 'name'], 'use errors, attempts, slow or name')
        .describe('`errors` by default.'),
      host: one(host).describe('Only this host.'),
      cursor: z
        .string()
        .regex(/^\d{0,9}$/, 'use the cursor of an earlier response')
        .describe('The cursor of an earlier response.'),
      count: Count(100),
    },
    { error: filters.unknownField },
  )
  .partial();
export type DestinationsQuery = z.output<typeof destinationsFields>;

/** The state of the whole system. */
export const Overview = z
  .object({
    time: Instant.describe('The clock of the server, in milliseconds since 1970.'),
    waiting: z.int().describe('Messages that wait for a dispatcher, a queue or a flow-control key.'),
    delayed: z.int().describe('Messages that wait for their time.'),
    inFlight: z.int().describe('Messages with an attempt that runs.'),
    retrying: z.int().describe('Messages that wait for a retry; estimated when more than 1,000 wait in all.'),
    oldestWaiting: z
      .object({
        messageId: messageFields.messageId.optional().describe('Absent for a message of a workflow run.'),
        workflowRunId: z.string().optional().describe('The run that the message belongs to.'),
        since: Instant.describe(
          'Since when it could have been delivered: its creation, the end of its delay, or the time of its retry; in milliseconds since 1970.',
        ),
        url: messageFields.url,
        kind: z.enum(['due', 'queued', 'limited']).describe('What it waits for.'),
      })
      .optional()
      .describe('The message that is due and waits longest; absent when none is due.'),
    dlq: z
      .object({
        count: z.int().describe('Entries in the dead letter queue.'),
        oldest: Instant.optional().describe('Time of the oldest entry, in milliseconds since 1970.'),
      })
      .describe('The dead letter queue.'),
    queues: z
      .object({
        count: z.int().describe('Queues.'),
        paused: z.int().describe('Paused queues.'),
        lag: z.int().describe('Messages in queues that have not ended.'),
      })
      .describe('Queues.'),
    schedules: z
      .object({
        count: z.int().describe('Schedules.'),
        paused: z.int().describe('Paused schedules.'),
        next: z
          .object({
            scheduleId: z.string().describe('Id of the schedule.'),
            time: Instant.describe('When it publishes next, in milliseconds since 1970.'),
          })
          .optional()
          .describe('The schedule that publishes next.'),
      })
      .describe('Schedules.'),
    flowControl: z
      .object({
        keys: z.int().describe('Flow-control keys.'),
        paused: z.int().describe('Paused keys.'),
        waiting: z.int().describe('Messages that wait for a key.'),
      })
      .describe('Flow control.'),
    dispatchers: z
      .array(
        z.object({
          id: z.string().describe('Id of the process.'),
          startedAt: Instant.describe('When it started, in milliseconds since 1970.'),
          seenAt: Instant.describe('Its last sign of life, in milliseconds since 1970.'),
          inFlight: z.int().describe('Attempts that it runs.'),
        }),
      )
      .describe('Dispatchers of the last minute.'),
    redis: z
      .object({
        usedBytes: z.int().describe('Memory that Redis uses.'),
        maxBytes: z.int().optional().describe('Its limit, if it has one.'),
        durability: z.string().describe('How Redis writes accepted messages to its disk.'),
      })
      .describe('Redis.'),
    log: z
      .object({
        lines: z.int().describe('Entries of the log.'),
        oldest: Instant.optional().describe('Time of the oldest entry, in milliseconds since 1970.'),
      })
      .describe('The log.'),
  })
  .meta({ id: 'Overview', description: 'The state of the whole system.' });
export type Overview = z.infer<typeof Overview>;

export const stats = {
  stats: endpoint({
    method: 'GET',
    path: '/v2/stats',
    summary: 'Read counts over time: per minute for two days, per hour for 30 days',
    description:
      'Counts come from counters and not from the log; they are a few seconds old at most. A filter names one value of one field.',
    scope: 'read',
    query: z.preprocess(filters.withoutConfiguration, statsFields),
    reply: Stats,
  }),
  destinations: endpoint({
    method: 'GET',
    path: '/v2/destinations',
    summary: 'List the hosts that messages were delivered to, with error counts and durations',
    scope: 'read',
    query: z.preprocess(filters.withoutConfiguration, destinationsFields),
    reply: z.object({
      destinations: z.array(DestinationView).describe('The hosts, in the order that was asked for.'),
      cursor: z.string().optional().describe('Give it to the next call to go on; absent at the end.'),
    }),
  }),
  overview: endpoint({
    method: 'GET',
    path: '/v2/overview',
    summary: 'Read the state of the whole system',
    scope: 'read',
    reply: Overview,
  }),
};
