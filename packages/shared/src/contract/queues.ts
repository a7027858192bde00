import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { DestinationParameter, Ignored, Instant, Name } from './fields.ts';
import { PublishReply } from './publish.ts';
import { ScheduleCreated } from './schedules.ts';

/** A named queue (contract O9). `lag`: messages that have not ended. */
export const Queue = z
  .object({
    name: z.string().meta({ description: 'Name of the queue.', example: 'orders' }),
    createdAt: Instant.describe('When it was created, in milliseconds since 1970.'),
    updatedAt: Instant.describe('When it was last changed, in milliseconds since 1970.'),
    parallelism: z.int().describe('Most messages that are delivered at a time.'),
    paused: z.boolean().describe('Accepts messages, but starts none.'),
    lag: z.int().describe('Messages that have not ended.'),
  })
  .meta({ id: 'Queue', description: 'A named queue: its messages are delivered in order.' });
export type Queue = z.infer<typeof Queue>;

const name = Name.meta({ description: 'Name of the queue.', example: 'orders' });
const params = z.object({ name });

export const queues = {
  enqueue: endpoint({
    method: 'POST',
    path: '/v2/enqueue/:name/*destination',
    summary: 'Publish a message into a queue, which is created when needed',
    scope: 'write',
    params: z.object({ name, destination: DestinationParameter }),
    takesMessage: true,
    takesOptions: true,
    unlimited: true,
    reply: PublishReply,
    otherReplies: {
      200: { when: 'With the header Upstash-Cron: a schedule was created.', reply: ScheduleCreated },
      202: { when: 'Nothing was created: the message is a duplicate.', reply: PublishReply },
    },
    errors: ['not_found', 'limit_exceeded', 'headers_too_large'],
  }),
  upsert: endpoint({
    method: 'POST',
    path: '/v2/queues',
    summary: 'Create a queue or change it',
    scope: 'write',
    body: z.object({
      queueName: name,
      parallelism: z
        .int('use a whole number, 1 or more')
        .min(1, 'use a whole number, 1 or more')
        .nullish()
        .describe('Most messages that are delivered at a time; 1 for a new queue that says nothing.'),
      paused: z.boolean('use true or false').nullish().describe('Whether it starts no message.'),
    }),
    reply: Ignored,
    errors: ['limit_exceeded'],
  }),
  list: endpoint({
    method: 'GET',
    path: '/v2/queues',
    summary: 'List all queues',
    scope: 'read',
    reply: z.array(Queue),
  }),
  get: endpoint({
    method: 'GET',
    path: '/v2/queues/:name',
    summary: 'Read one queue',
    scope: 'read',
    params,
    reply: Queue,
    errors: ['not_found'],
  }),
  remove: endpoint({
    method: 'DELETE',
    path: '/v2/queues/:name',
    summary: 'Remove a queue and cancel its messages',
    scope: 'write',
    params,
    reply: Ignored,
  }),
  pause: endpoint({
    method: 'POST',
    path: '/v2/queues/:name/pause',
    summary: 'Start no further message of a queue',
    scope: 'write',
    params,
    reply: Ignored,
    errors: ['not_found'],
  }),
  resume: endpoint({
    method: 'POST',
    path: '/v2/queues/:name/resume',
    summary: 'Go on with a queue, from its oldest message',
    scope: 'write',
    params,
    reply: Ignored,
    errors: ['not_found'],
  }),
};
