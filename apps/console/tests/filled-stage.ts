import { eventually } from '@posthorn/testkit';
import type { Stage } from './stage.ts';

/** One of everything that the console shows. */
export interface Filled {
  /** A message that waits for its retry, and one that has failed. */
  retryingId: string;
  failedId: string;
  /** The dead letter of the message that has failed. */
  deadLetterId: string;
  /** Every page, below `/console/`. */
  paths: string[];
}

export async function fillStage(stage: Stage): Promise<Filled> {
  const { receiver } = stage.system;
  receiver.reply('/fails', { status: 500, body: '{"error":"no"}' });
  const failedId = await stage.publish('/fails', { 'Upstash-Retries': '0', 'Upstash-Label': 'a-label' }, 'FAILED');
  const retryingId = await stage.publish(
    '/fails',
    {
      'Upstash-Retry-Delay': '600000',
      'Upstash-Flow-Control-Key': 'key',
      'Upstash-Flow-Control-Value': 'parallelism=2',
    },
    'RETRY',
    '{"a":1}',
  );
  // A key that is pinned is not forgotten while nothing uses it.
  await stage.post('/v2/flowControl/key/pin?parallelism=2');
  await stage.enqueue('orders', '/ok', { 'Upstash-Delay': '1h' });
  await stage.post('/v2/topics/group/endpoints', { endpoints: [{ url: `${receiver.url}/ok` }] });
  await stage.schedule('daily', '0 4 * * *');
  const { messages } = await stage.read<{ messages: { dlqId: string }[] }>('/v2/dlq');
  const deadLetterId = messages[0]?.dlqId ?? '';
  await eventually(async () => (await stage.read<{ totals: { failed: number } }>('/v2/stats')).totals.failed > 0);
  const paths = [
    '',
    'messages',
    `messages/${retryingId}`,
    `messages/${failedId}`,
    'messages/none',
    'send',
    'dead-letters',
    `dead-letters/${deadLetterId}`,
    'queues',
    'queues/orders',
    'groups',
    'groups/group',
    'schedules',
    'schedules/new',
    'schedules/daily',
    'flow-control',
    'flow-control/key',
    'destinations',
    'destinations/127.0.0.1',
    'log',
    'settings',
  ];
  return { retryingId, failedId, deadLetterId, paths };
}
