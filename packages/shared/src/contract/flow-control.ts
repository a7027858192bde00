import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { Ignored } from './fields.ts';

/** What is known of a flow-control key (contract O11). A limit of 0 is none. */
export const FlowControlKey = z
  .object({
    flowControlKey: z.string().meta({ description: 'The key.', example: 'customer-42' }),
    waitListSize: z.int().describe('Messages that wait for their turn.'),
    parallelismMax: z.int().describe('Most attempts at a time; 0 without a limit.'),
    parallelismCount: z.int().describe('Attempts that run now.'),
    rateMax: z.int().describe('Most attempts per period; 0 without a limit.'),
    rateCount: z.int().describe('Attempts begun in this period.'),
    ratePeriod: z.int().describe('Period of the rate, in seconds.'),
    ratePeriodStart: z.int().describe('When this period began, in seconds since 1970.'),
    isPaused: z.boolean().describe('Whether no attempt begins.'),
    isPinnedParallelism: z.boolean().describe('Whether the parallelism is fixed, whatever messages say.'),
    isPinnedRate: z.boolean().describe('Whether the rate is fixed, whatever messages say.'),
  })
  .meta({ id: 'FlowControlKey', description: 'The limits that messages of one key share, and how far they are used.' });
export type FlowControlKey = z.infer<typeof FlowControlKey>;

/** Attempts in flight over all dispatchers, and the most that are allowed; 0 without a limit. */
export const GlobalParallelism = z
  .object({
    parallelismMax: z.int().describe('Most attempts in flight over all dispatchers; 0 without a limit.'),
    parallelismCount: z.int().describe('Attempts in flight now.'),
  })
  .meta({ id: 'GlobalParallelism', description: 'Attempts in flight over all dispatchers.' });
export type GlobalParallelism = z.infer<typeof GlobalParallelism>;

const params = z.object({
  key: z
    .string()
    .min(1)
    .max(256, 'use at most 256 characters')
    .meta({ description: 'The flow-control key, percent-encoded.', example: 'customer-42' }),
});
const whole = z
  .string()
  .regex(/^[1-9]\d{0,8}$/, 'use a whole number, 1 or more')
  .transform(Number)
  .optional();
const weekSeconds = 604_800;
const truth = z
  .enum(['true', 'false'], 'use true or false')
  .default('false')
  .transform((text) => text === 'true');

export const flowControl = {
  list: endpoint({
    method: 'GET',
    path: '/v2/flowControl',
    summary: 'List flow-control keys',
    scope: 'read',
    query: z.object({ search: z.string().optional().describe('A part of the key.') }),
    reply: z.array(FlowControlKey),
  }),
  get: endpoint({
    method: 'GET',
    path: '/v2/flowControl/:key',
    summary: 'Read one flow-control key',
    scope: 'read',
    params,
    reply: FlowControlKey,
    errors: ['not_found'],
  }),
  pause: endpoint({
    method: 'POST',
    path: '/v2/flowControl/:key/pause',
    summary: 'Start no further attempt with this key',
    scope: 'write',
    params,
    reply: Ignored,
  }),
  resume: endpoint({
    method: 'POST',
    path: '/v2/flowControl/:key/resume',
    summary: 'Go on with this key',
    scope: 'write',
    params,
    reply: Ignored,
  }),
  pin: endpoint({
    method: 'POST',
    path: '/v2/flowControl/:key/pin',
    summary: 'Fix limits of this key, whatever messages say',
    scope: 'write',
    params,
    query: z
      .object({
        parallelism: whole.describe('Most attempts at a time.'),
        rate: whole.describe('Most attempts per period.'),
        period: whole
          .refine((seconds) => (seconds ?? 0) <= weekSeconds, `use at most ${weekSeconds} seconds`)
          .describe('Period of the rate, in seconds; needs a rate.'),
      })
      .refine(({ rate, period }) => period === undefined || rate !== undefined, {
        path: ['period'],
        message: 'is not allowed without a rate',
      })
      .refine(({ parallelism, rate }) => parallelism !== undefined || rate !== undefined, {
        path: ['parallelism'],
        message: 'give parallelism, rate or both',
      }),
    reply: Ignored,
  }),
  unpin: endpoint({
    method: 'POST',
    path: '/v2/flowControl/:key/unpin',
    summary: 'Let messages decide again',
    scope: 'write',
    params,
    query: z.object({
      parallelism: truth.describe('Whether messages decide the parallelism again.'),
      rate: truth.describe('Whether messages decide the rate again.'),
    }),
    reply: Ignored,
  }),
  resetRate: endpoint({
    method: 'POST',
    path: '/v2/flowControl/:key/resetRate',
    summary: 'Begin a new rate window now',
    scope: 'write',
    params,
    reply: Ignored,
  }),
  reset: endpoint({
    method: 'POST',
    path: '/v2/flowControl/:key/reset',
    summary: 'Old name of resetRate',
    scope: 'write',
    params,
    reply: Ignored,
  }),
  globalParallelism: endpoint({
    method: 'GET',
    path: '/v2/globalParallelism',
    summary: 'Read how many attempts are in flight, and how many may be',
    scope: 'read',
    reply: GlobalParallelism,
  }),
};
