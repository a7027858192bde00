// How long the message that waits longest could have been delivered, in the overview and in the metrics.
import type { LogEntryView, Overview } from '@posthorn/shared';
import { eventually } from '@posthorn/testkit';
import { useSystem } from './system.fixture.ts';

const system = useSystem();

const readOldest = async () => (await system.api.read<Overview>('/v2/overview')).oldestWaiting;

async function readOldestSeconds(): Promise<number> {
  const text = await system.api.metrics();
  return Number(/^posthorn_oldest_waiting_seconds (.*)$/m.exec(text)?.[1]);
}

/** Publishes a message whose attempt fails; gives its id and the time of its retry. */
async function publishFailing(retryDelayMs: number): Promise<{ id: string; retryAt: number }> {
  const headers = { 'Upstash-Retry-Delay': String(retryDelayMs) };
  const id = await system.api.publish(`${system.receiver.url}/fails`, { headers });
  return eventually(async () => {
    const { logs } = await system.api.read<{ logs: LogEntryView[] }>(`/v2/logs?messageIds=${id}`);
    const retryAt = logs.find(({ state }) => state === 'RETRY')?.nextDeliveryTime;
    return retryAt === undefined ? undefined : { id, retryAt };
  });
}

test('a message that waits for its planned retry is not due; once it is, it has waited since the time of its retry', async () => {
  system.receiver.reply('/fails', 500);
  await publishFailing(3_600_000);
  await system.api.publish(`${system.receiver.url}/ok`, { headers: { 'Upstash-Delay': '1h' } });
  const { id, retryAt } = await publishFailing(5000);
  expect(await readOldest()).toBeUndefined();
  expect(await readOldestSeconds()).toBe(0);

  await system.dispatcher.end('SIGTERM');
  const oldest = await eventually(readOldest);
  expect(oldest).toEqual({ messageId: id, since: retryAt, url: `${system.receiver.url}/fails`, kind: 'due' });
  const seconds = await readOldestSeconds();
  expect(seconds).toBeGreaterThan(0);
  expect(seconds).toBeLessThanOrEqual((Date.now() - retryAt) / 1000);
});
