import { z } from 'zod';
import { endpoint } from './endpoint.ts';

const bytes = (description: string) => z.int().describe(`${description}, in bytes.`);
const ms = (description: string) => z.number().describe(`${description}, in milliseconds.`);
const count = (description: string) => z.int().describe(`${description}.`);

/**
 * What this server allows. Each field is named after its environment variable; times are in milliseconds, where the
 * variable has seconds.
 */
export const Limits = z
  .object({
    maxMessageBytes: bytes('Maximum size of the body of a message'),
    maxBatchBytes: bytes('Maximum size of a batch'),
    maxBatchItems: count('Maximum number of items of a batch'),
    maxLabels: count('Maximum number of labels of a message'),
    maxDelayMs: ms('Maximum delay of a message'),
    dedupWindowMs: ms('How long a deduplication id is remembered'),
    defaultRetries: count('Retries of a message that names no number'),
    maxRetries: count('Maximum number of retries of a message'),
    maxRetryDelayMs: ms('Maximum wait before a retry'),
    defaultTimeoutMs: ms('Timeout of an attempt of a message that names none'),
    maxTimeoutMs: ms('Maximum timeout of an attempt'),
    maxResponseBytes: bytes('Maximum that is read of a response'),
    maxQueues: count('Maximum number of queues'),
    maxQueueParallelism: count('Maximum parallelism of a queue'),
    maxSchedules: count('Maximum number of schedules'),
    maxUrlGroups: count('Maximum number of URL groups'),
    maxEndpointsPerGroup: count('Maximum number of endpoints of a URL group'),
    maxHeldFlowControlKeys: count('Maximum number of flow-control keys that are paused or pinned'),
    burstRateLimit: count('Maximum of requests per second and token that create no message; 0 for no limit'),
    logRetentionMs: ms('How long the log of a message is kept'),
    maxLogLines: count('Maximum number of log entries; 0 for no limit'),
    dlqRetentionMs: ms('How long a dead letter is kept'),
  })
  .meta({ id: 'Limits', description: 'Limits and defaults of the server.' });
export type Limits = z.infer<typeof Limits>;

export const limits = {
  get: endpoint({
    method: 'GET',
    path: '/v2/limits',
    summary: 'Read the limits and defaults of the server',
    description: 'Each field is named after its environment variable.',
    scope: 'read',
    reply: Limits,
  }),
};
