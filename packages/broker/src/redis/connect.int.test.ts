import { eventually, findFreePort, startRedis, type TestRedis } from '@posthorn/testkit';
import { connectForWork, type RedisConnection } from './connect.ts';

let nodes: TestRedis[];
let redis: RedisConnection;
beforeAll(async () => {
  // The port of the bus is 10,000 above the other one by default, which may be none.
  const ports = await Promise.all([findFreePort(), findFreePort()]);
  const start = (port: number) =>
    startRedis({ durability: 'everysec', args: ['--cluster-enabled', 'yes', '--cluster-port', String(port)] });
  nodes = await Promise.all(ports.map(start));
  const clients = nodes.map(({ client }) => client);
  await clients[0]?.call('CLUSTER', 'ADDSLOTSRANGE', 0, 8191);
  await clients[1]?.call('CLUSTER', 'ADDSLOTSRANGE', 8192, 16_383);
  await clients[0]?.call('CLUSTER', 'MEET', '127.0.0.1', nodes[1]?.port ?? 0, ports[1]);
  await eventually(async () => {
    const states = (await Promise.all(clients.map((client) => client.call('CLUSTER', 'INFO')))).map(String);
    return states.every((text) => text.includes('cluster_state:ok') && text.includes('cluster_known_nodes:2'));
  });
  redis = connectForWork(nodes.map(({ url }) => url).join());
  await eventually(() => redis.status === 'ready');
});
afterAll(async () => {
  redis.disconnect();
  await Promise.all(nodes.map((node) => node.stop()));
});

test('a worker on a cluster sends a transaction to the node that has its keys', async () => {
  for (let n = 0; n < 20; n++) {
    expect(await redis.multi().set(`{${n}}`, n).get(`{${n}}`).exec()).toEqual([
      [null, 'OK'],
      [null, String(n)],
    ]);
  }
});
