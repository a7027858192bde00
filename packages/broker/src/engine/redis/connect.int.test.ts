import { eventually, startCluster, startRedis, type TestCluster } from '@posthorn/testkit';
import { connectForRequests, connectForWork, type RedisConnection } from './connect.ts';

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

test('a process that answers requests uses a cluster', async () => {
  const requests = connectForRequests(cluster.url);
  await eventually(() => requests.status === 'ready');
  await Promise.all(Array.from({ length: 20 }, (_, n) => requests.set(`{${n}}`, `requests ${n}`)));
  expect(await Promise.all(Array.from({ length: 20 }, (_, n) => redis.get(`{${n}}`)))).toEqual(
    Array.from({ length: 20 }, (_, n) => `requests ${n}`),
  );
  requests.disconnect();
});

async function sendInOneTurn(connection: RedisConnection): Promise<string[]> {
  const earlier = connection.rpush('{order}', 'sent');
  connection.sendLast(() => void connection.rpush('{order}', 'last'));
  connection.sendAhead(() => void connection.rpush('{order}', 'ahead'));
  await Promise.all([earlier, connection.rpush('{order}', 'sent later')]);
  return connection.lrange('{order}', 0, -1);
}

test('what a worker sends ahead, or last, is carried out before, or after, all that it has sent in the same turn', async () => {
  expect(await sendInOneTurn(redis)).toEqual(['ahead', 'sent', 'sent later', 'last']);
});

test('so is what a process that answers requests sends to one Redis, with one write for the turn', async () => {
  const server = await startRedis();
  const requests = connectForRequests(server.url);
  await eventually(() => requests.status === 'ready');
  const countReads = async () => Number(/total_reads_processed:(\d+)/.exec(await requests.info('stats'))?.[1]);
  const before = await countReads();
  expect(await sendInOneTurn(requests)).toEqual(['ahead', 'sent', 'sent later', 'last']);
  // The turn, the look at its result, and the second question for the number of reads.
  expect((await countReads()) - before).toBe(3);
  requests.disconnect();
  await server.stop();
});
