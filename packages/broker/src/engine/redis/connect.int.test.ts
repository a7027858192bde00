import { eventually, startCluster, type TestCluster } from '@posthorn/testkit';
import { connectForWork, type RedisConnection } from './connect.ts';

let cluster: TestCluster;
let redis: RedisConnection;
beforeAll(async () => {
  cluster = await startCluster();
  redis = connectForWork(cluster.url);
  await eventually(() => redis.status === 'ready');
});
afterAll(async () => {
  redis.disconnect();
  await cluster.stop();
});

test('a worker on a cluster sends a transaction to the node that has its keys', async () => {
  for (let n = 0; n < 20; n++) {
    expect(await redis.multi().set(`{${n}}`, n).get(`{${n}}`).exec()).toEqual([
      [null, 'OK'],
      [null, String(n)],
    ]);
  }
});

test('what a worker sends ahead is carried out before all that it has sent in the same turn', async () => {
  const earlier = redis.rpush('{order}', 'sent');
  redis.sendAhead(() => void redis.rpush('{order}', 'ahead'));
  await Promise.all([earlier, redis.rpush('{order}', 'sent last')]);
  expect(await redis.lrange('{order}', 0, -1)).toEqual(['ahead', 'sent', 'sent last']);
});
