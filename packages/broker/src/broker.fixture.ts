import { eventually, startRedis, type TestRedis } from '@posthorn/testkit';
import { pino } from 'pino';
import type { BrokerOptions, BrokerParts } from './broker.ts';
import { createBroker } from './create-broker.ts';
import { connectForWork } from './engine/redis/connect.ts';

/** What a broker needs to store messages, for tests. */
export const testOptions: Omit<BrokerOptions, 'redis' | 'shards'> = {
  log: pino({ level: 'silent' }),
  graceMs: 60_000,
  logRetentionMs: 60_000,
  maxLogLines: 0,
  dlqRetentionMs: 60_000,
  destinations: { allowPrivate: true, allow: [], deny: [] },
  publish: {
    defaultRetries: 3,
    maxRetries: 20,
    maxDelayMs: 1e10,
    defaultTimeoutMs: 1e6,
    maxTimeoutMs: 1e6,
    maxLabels: 20,
    deduplicationWindowMs: 600_000,
  },
  queues: { maxQueues: 10, maxParallelism: 10 },
  urlGroups: { maxGroups: 10, maxEndpoints: 10 },
  maxSchedules: 1000,
  maxHeldFlowControlKeys: 10,
  runs: { maxRuns: 1000, maxSteps: 1000, maxLogBytes: 1e8, lazyBytes: 3e6, retentionMs: 60_000 },
};

export interface TestBroker {
  server: TestRedis;
  broker: BrokerParts;
}

/** A broker on a real Redis of its own. */
export async function startTestBroker(shards: number, options: Partial<BrokerOptions> = {}): Promise<TestBroker> {
  const server = await startRedis({ durability: 'everysec' });
  const redis = connectForWork(server.url);
  await eventually(() => redis.status === 'ready');
  return { server, broker: createBroker({ ...testOptions, ...options, redis, shards }) };
}

/** A broker for all tests of a file, which is complete when the first of them begins. */
export function useBroker(shards: number, options?: Partial<BrokerOptions>): TestBroker {
  const used = {} as TestBroker;
  beforeAll(async () => {
    Object.assign(used, await startTestBroker(shards, options));
  });
  afterAll(async () => {
    await used.broker.close();
    await used.server.stop();
  });
  return used;
}
