import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { DestinationParameter, Ignored, Instant, Name } from './fields.ts';
import { PublishReply } from './publish.ts';
import { ScheduleCreated } from './schedules.ts';

/** A named queue (contract O9). `lag`: messages that have not ended. */
export const Queue = z
  .object({
    name: z.string().meta({ description: 'Name of the queue.', example: 'orders' }),
    createdAt: Instant.describe('Time of creation, in milliseconds since 1970.'),
    updatedAt: Instant.describe('Time of the last change, in milliseconds since 1970.'),
    parallelism: z.int().describe('Maximum of messages that are delivered at once.'),
    paused: z.boolean().describe('Whether the queue accepts messages but starts none.'),
    lag: z.int().describe('Number of messages that have not ended.'),
    first: z
      .object({
        messageId: z.string().describe('Id of the message.'),
        createdAt: Instant.describe('When it was published, in milliseconds since 1970.'),
      })
      .optional()
      .describe('The message that is delivered now or next: all others wait behind it.'),
  })
  .meta({ id: 'Queue', description: 'A named queue, which delivers its messages in order.' });
export type Queue = z.infer<typeof Queue>;

const name = Name.meta({ description: 'Name of the queue.', example: 'orders' });
const params = z.object({ name });

export const queues = {
  enqueue: endpoint({
    method: 'POST',
    path: '/v2/enqueue/:name/*destination',
    summary: 'Publish a message into a queue, which is created if needed',
    scope: 'write',
    params: z.object({ name, destination: DestinationParameter }),
    takesMessage: true,
    takesOptions: true,
    unlimited: true,
    reply: PublishReply,
    otherReplies: {
      200: { when: 'A schedule was created, because the request has Upstash-Cron.', reply: ScheduleCreated },
      202: { when: 'The message is a duplicate and was not created.', reply: PublishReply },
    },
    errors: ['not_found', 'limit_exceeded', 'headers_too_large'],
  }),
  upsert: endpoint({
    method: 'POST',
    path: '/v2/queues',
    summary: 'Create or change a queue',
    scope: 'write',
    body: z.object({
      queueName: name,
      parallelism: z
        .int('use a whole number, 1 or more')
        .min(1, 'use a whole number, 1 or more')
        .nullish()
        .describe('Maximum of messages that are delivered at once; 1 by default for a new queue.'),
      paused: z.boolean('use true or false').nullish().describe('Whether the queue starts no message.'),
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
    summary: 'Pause a queue: start no further message',
    scope: 'write',
    params,
    reply: Ignored,
    errors: ['not_found'],
  }),
  resume: endpoint({
    method: 'POST',
    path: '/v2/queues/:name/resume',
    summary: 'Resume a queue from its oldest message',
    scope: 'write',
    params,
    reply: Ignored,
    errors: ['not_found'],
  }),
};
