import { eventually } from './eventually.ts';
import { findFreePort } from './free-port.ts';
import { startRedis, type TestRedis } from './redis.ts';

/** A real Redis Cluster of primaries without replicas; each has as many slots as the others. */
export interface TestCluster {
  /** All nodes, with commas. */
  url: string;
  nodes: readonly TestRedis[];
  stop(): Promise<void>;
}

const slots = 16_384;

export async function startCluster(primaries = 2): Promise<TestCluster> {
  // The port of the bus is 10,000 above the other one by default, which may be none.
  const ports = await Promise.all(Array.from({ length: primaries }, () => findFreePort()));
  const start = (port: number) =>
    startRedis({ durability: 'everysec', args: ['--cluster-enabled', 'yes', '--cluster-port', String(port)] });
  const nodes = await Promise.all(ports.map(start));
  const clients = nodes.map(({ client }) => client);
  const firstSlot = (index: number) => Math.floor((slots * index) / primaries);
  for (const [index, client] of clients.entries()) {
    await client.call('CLUSTER', 'ADDSLOTSRANGE', firstSlot(index), firstSlot(index + 1) - 1);
    if (index > 0) await clients[0]?.call('CLUSTER', 'MEET', '127.0.0.1', nodes[index]?.port ?? 0, ports[index] ?? 0);
  }
  await eventually(async () => {
    const states = (await Promise.all(clients.map((client) => client.call('CLUSTER', 'INFO')))).map(String);
    return states.every(
      (text) => text.includes('cluster_state:ok') && text.includes(`cluster_known_nodes:${primaries}`),
    );
  });
  return {
    url: nodes.map(({ url }) => url).join(),
    nodes,
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}
