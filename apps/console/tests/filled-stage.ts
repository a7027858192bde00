import { eventually } from '@posthorn/testkit';
import type { Stage } from './stage.ts';

/** One of everything that the console shows. */
export interface Filled {
  /** A message that waits for its retry, and one that has failed. */
  retryingId: string;
  failedId: string;
  /** Every page, below `/console/`. */
  paths: string[];
}

export async function fillStage(stage: Stage): Promise<Filled> {
  const { api, receiver } = stage.system;
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
  await api.call('/v2/flowControl/key/pin?parallelism=2', { method: 'POST' });
  await api.call(`/v2/enqueue/orders/${receiver.url}/ok`, { method: 'POST', headers: { 'Upstash-Delay': '1h' } });
  await api.call('/v2/topics/group/endpoints', {
    method: 'POST',
    body: JSON.stringify({ endpoints: [{ url: `${receiver.url}/ok` }] }),
  });
  await api.call(`/v2/schedules/${receiver.url}/ok`, {
    method: 'POST',
    headers: { 'Upstash-Cron': '0 4 * * *', 'Upstash-Schedule-Id': 'daily' },
  });
  const { messages } = (await (await api.call('/v2/dlq')).json()) as { messages: { dlqId: string }[] };
  await eventually(
    async () => ((await (await api.call('/v2/stats')).json()) as { totals: { failed: number } }).totals.failed > 0,
  );
  const paths = [
    '',
    'messages',
    `messages/${retryingId}`,
    `messages/${failedId}`,
    'messages/none',
    'send',
    'dead-letters',
    `dead-letters/${messages[0]?.dlqId ?? ''}`,
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
  return { retryingId, failedId, paths };
}
