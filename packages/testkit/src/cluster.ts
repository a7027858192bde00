import { eventually } from './eventually.ts';
import { findFreePort } from './free-port.ts';
import { startRedis, type TestRedis } from './redis.ts';

/** A real Redis Cluster of two nodes without replicas. */
export interface TestCluster {
  /** Both nodes, with a comma. */
  url: string;
  nodes: readonly TestRedis[];
  stop(): Promise<void>;
}

export async function startCluster(): Promise<TestCluster> {
  // The port of the bus is 10,000 above the other one by default, which may be none.
  const ports = await Promise.all([findFreePort(), findFreePort()]);
  const start = (port: number) =>
    startRedis({ durability: 'everysec', args: ['--cluster-enabled', 'yes', '--cluster-port', String(port)] });
  const nodes = await Promise.all(ports.map(start));
  const clients = nodes.map(({ client }) => client);
  await clients[0]?.call('CLUSTER', 'ADDSLOTSRANGE', 0, 8191);
  await clients[1]?.call('CLUSTER', 'ADDSLOTSRANGE', 8192, 16_383);
  await clients[0]?.call('CLUSTER', 'MEET', '127.0.0.1', nodes[1]?.port ?? 0, ports[1]);
  await eventually(async () => {
    const states = (await Promise.all(clients.map((client) => client.call('CLUSTER', 'INFO')))).map(String);
    return states.every((text) => text.includes('cluster_state:ok') && text.includes('cluster_known_nodes:2'));
  });
  return {
    url: nodes.map(({ url }) => url).join(),
    nodes,
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}
