import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { Instant } from './fields.ts';

/** Kinds of things that can be found. */
const findKinds = [
  'message',
  'deadLetter',
  'queue',
  'urlGroup',
  'schedule',
  'flowControlKey',
  'host',
  'label',
  'url',
] as const;

/** Something that matches what was typed. */
export const FindHit = z
  .object({
    kind: z.enum(findKinds).describe('What it is.'),
    id: z.string().describe('Its id, its name, or the text to filter by.'),
    title: z.string().describe('What a person reads.'),
  })
  .meta({ id: 'FindHit', description: 'Something that matches what was typed.' });
export type FindHit = z.infer<typeof FindHit>;

export const find = {
  find: endpoint({
    method: 'GET',
    path: '/v2/find',
    summary: 'Find messages, dead letters, queues, URL groups, schedules, keys, hosts and labels',
    scope: 'read',
    query: z.looseObject({
      q: z
        .string('use one text')
        .trim()
        .min(1, 'use 1 to 512 characters')
        .max(512, 'use 1 to 512 characters')
        .meta({ description: 'An id in full, or a part of a name.', example: 'orders' }),
    }),
    reply: z.object({ hits: z.array(FindHit).describe('At most 10, an exact match first.') }),
  }),
  cron: endpoint({
    method: 'GET',
    path: '/v2/cron',
    summary: 'Read the next times of a cron expression',
    scope: 'read',
    query: z.looseObject({
      expression: z
        .string('use one expression')
        .min(1, 'give an expression')
        .max(512, 'use at most 512 characters')
        .meta({ description: 'The expression.', example: 'CRON_TZ=Europe/Berlin 0 4 * * *' }),
    }),
    reply: z.object({
      next: z.array(Instant).describe('The next five times, in milliseconds since 1970.'),
      text: z.string().meta({ description: 'The same in words.', example: 'At 04:00 (Europe/Berlin)' }),
    }),
  }),
};
