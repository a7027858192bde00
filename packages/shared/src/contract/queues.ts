import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { Ignored, Instant, Name } from './fields.ts';
import { PublishReply } from './publish.ts';

/** A named queue (contract, http-api.md section 3.5). `lag`: messages that have not ended. */
export const Queue = z.object({
  name: z.string(),
  createdAt: Instant,
  updatedAt: Instant,
  parallelism: z.int(),
  paused: z.boolean(),
  lag: z.int(),
});
export type Queue = z.infer<typeof Queue>;

const params = z.object({ name: Name });

export const queues = {
  enqueue: endpoint({
    method: 'POST',
    path: '/v2/enqueue/:name/*destination',
    summary: 'Publish a message into a queue, which is created when needed',
    scope: 'write',
    reply: PublishReply,
  }),
  upsert: endpoint({
    method: 'POST',
    path: '/v2/queues',
    summary: 'Create a queue or change it',
    scope: 'write',
    body: z.object({
      queueName: Name,
      parallelism: z.int('use a whole number, 1 or more').min(1, 'use a whole number, 1 or more').nullish(),
      paused: z.boolean('use true or false').nullish(),
    }),
    reply: Ignored,
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
  }),
  resume: endpoint({
    method: 'POST',
    path: '/v2/queues/:name/resume',
    summary: 'Go on with a queue, from its oldest message',
    scope: 'write',
    params,
    reply: Ignored,
  }),
};
