import { startRedis } from '@posthorn/testkit';
import { startProduct } from './product.ts';
import { startProgram } from './program.ts';

/** Something that takes messages and delivers them: posthorn, or the floor, the least that its parts could cost. */
export interface Contender {
  name: 'product' | 'floor';
  url: string;
  /** All processes of each role. */
  pids: Record<Role, number[]>;
}

export type Role = 'api' | 'dispatcher' | 'redis';
export const roles: readonly Role[] = ['api', 'dispatcher', 'redis'];

/** The numbers of processes of posthorn, as its variables have them. */
export interface ProcessCounts {
  apis: string;
  dispatchers: string;
}

export interface Contenders {
  counts: ProcessCounts;
  product: Contender;
  floor: Contender;
  /** The destination of all messages. */
  receiver: string;
  end(): Promise<void>;
}

const file = (path: string) => new URL(path, import.meta.url);

/** Starts posthorn, the floor and their destination; each of the two has a Redis of its own. */
export async function startContenders(counts: ProcessCounts): Promise<Contenders> {
  const [receiver, servers] = await Promise.all([
    startProgram(file('receiver.js')),
    Promise.all([startRedis(), startRedis()]),
  ]);
  const [own, bare] = servers;
  const product = await startProduct(own.url, { APIS: counts.apis, DISPATCHERS: counts.dispatchers });
  const floorApi = await startProgram(file('floor-api.js'), { args: [bare.port] });
  const floorWorker = await startProgram(file('floor-worker.js'), { args: [bare.port] });

  return {
    counts,
    product: { name: 'product', url: product.url, pids: { ...product.pids, redis: [own.pid()] } },
    floor: {
      name: 'floor',
      url: floorApi.url,
      pids: { api: [floorApi.pid], dispatcher: [floorWorker.pid], redis: [bare.pid()] },
    },
    receiver: receiver.url,
    async end() {
      await Promise.all([receiver, product, floorApi, floorWorker].map((program) => program.end()));
      await Promise.all(servers.map((redis) => redis.stop()));
    },
  };
}
