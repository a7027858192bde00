import { z } from 'zod';
import { controlCharactersText, hasControlCharacters } from '../headers/header-text.ts';
import { maxFlowPeriodSeconds } from '../message/flow-control.ts';
import { endpoint } from './endpoint.ts';
import { Ignored, positiveWhole, positiveWholeText } from './fields.ts';

/** What is known of a flow-control key (contract O11). A limit of 0 is none. */
export const FlowControlKey = z
  .object({
    flowControlKey: z.string().meta({ description: 'The key.', example: 'customer-42' }),
    waitListSize: z.int().describe('Number of messages that wait for a slot.'),
    parallelismMax: z.int().describe('Maximum of attempts in flight; 0 for no limit.'),
    parallelismCount: z.int().describe('Attempts in flight.'),
    rateMax: z.int().describe('Maximum of attempts per period; 0 for no limit.'),
    rateCount: z.int().describe('Attempts started in this period.'),
    ratePeriod: z.int().describe('Period of the rate, in seconds.'),
    ratePeriodStart: z.int().describe('Start of this period, in seconds since 1970.'),
    isPaused: z.boolean().describe('Whether the key is paused and starts no attempt.'),
    isPinnedParallelism: z.boolean().describe('Whether the parallelism is fixed against the values of messages.'),
    isPinnedRate: z.boolean().describe('Whether the rate is fixed against the values of messages.'),
  })
  .meta({ id: 'FlowControlKey', description: 'The limits that messages with one key share, and their use.' });
export type FlowControlKey = z.infer<typeof FlowControlKey>;

/** Attempts in flight over all dispatchers, and their maximum number; 0 without a limit. */
export const GlobalParallelism = z
  .object({
    parallelismMax: z.int().describe('Maximum of attempts in flight over all dispatchers; 0 for no limit.'),
    parallelismCount: z.int().describe('Attempts in flight.'),
  })
  .meta({ id: 'GlobalParallelism', description: 'Attempts in flight over all dispatchers.' });
export type GlobalParallelism = z.infer<typeof GlobalParallelism>;

const about = { description: 'The flow-control key, percent-encoded.', example: 'customer-42' };
const key = z.string().min(1).max(256, 'use at most 256 characters');
const params = z.object({ key: key.meta(about) });
/** Of calls that create a key. What an earlier version has created can still be read and undone. */
const newParams = z.object({
  key: key.refine((text) => !hasControlCharacters(text), controlCharactersText).meta(about),
});
const whole = z
  .string()
  .regex(positiveWhole, positiveWholeText)
  .transform(Number)
  .refine(Number.isSafeInteger, `use at most ${Number.MAX_SAFE_INTEGER}`)
  .optional();
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
    query: z.object({ search: z.string().optional().describe('Text that the key contains.') }),
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
    summary: 'Pause a flow-control key: start no further attempt',
    scope: 'write',
    params: newParams,
    reply: Ignored,
    errors: ['limit_exceeded'],
  }),
  resume: endpoint({
    method: 'POST',
    path: '/v2/flowControl/:key/resume',
    summary: 'Resume a flow-control key',
    scope: 'write',
    params,
    reply: Ignored,
  }),
  pin: endpoint({
    method: 'POST',
    path: '/v2/flowControl/:key/pin',
    summary: 'Fix limits of a flow-control key against the values of messages',
    scope: 'write',
    params: newParams,
    query: z
      .object({
        parallelism: whole.describe('Maximum of attempts in flight.'),
        rate: whole.describe('Maximum of attempts per period.'),
        period: whole
          .refine((seconds) => (seconds ?? 0) <= maxFlowPeriodSeconds, `use at most ${maxFlowPeriodSeconds} seconds`)
          .describe('Period of the rate, in seconds; requires `rate`.'),
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
    errors: ['limit_exceeded'],
  }),
  unpin: endpoint({
    method: 'POST',
    path: '/v2/flowControl/:key/unpin',
    summary: 'Let messages set the limits of a flow-control key again',
    scope: 'write',
    params,
    query: z.object({
      parallelism: truth.describe('Whether messages set the parallelism again.'),
      rate: truth.describe('Whether messages set the rate again.'),
    }),
    reply: Ignored,
  }),
  resetRate: endpoint({
    method: 'POST',
    path: '/v2/flowControl/:key/resetRate',
    summary: 'Start a new rate window now',
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
    summary: 'Read the attempts in flight over all dispatchers, and their maximum',
    scope: 'read',
    reply: GlobalParallelism,
  }),
};
