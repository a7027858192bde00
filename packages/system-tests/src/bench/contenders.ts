import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readyMessage } from '@posthorn/process';
import { findFreePort, listChildProcesses, startRedis, type TestRedis } from '@posthorn/testkit';

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

const file = (path: string) => new URL(path, import.meta.url).pathname;
const app = (name: string) => file(`../../../../apps/${name}/dist/main.js`);

/** Starts posthorn, the floor and their destination; each of the two has a Redis of its own. */
export async function startContenders(counts: ProcessCounts): Promise<Contenders> {
  const children: ChildProcess[] = [];
  const servers: TestRedis[] = [];

  const start = (program: string, args: (string | number)[], env: Record<string, string> = {}) => {
    const child = spawn(process.execPath, [program, ...args.map(String)], {
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    children.push(child);
    if (child.pid === undefined) throw new Error(`${program} did not start`);
    return { child, pid: child.pid };
  };
  /** Starts a program of posthorn; gives all of its processes when they are ready. */
  const startProcesses = async (name: string, env: Record<string, string>): Promise<number[]> => {
    const { child, pid } = start(app(name), [], env);
    const [message] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as unknown[];
    if (message !== readyMessage) throw new Error(`${name} ended before it was ready`);
    return [pid, ...listChildProcesses(pid).map((one) => one.pid)];
  };
  const startServer = async () => {
    const redis = await startRedis();
    servers.push(redis);
    return redis;
  };
  const startProduct = async (): Promise<Contender> => {
    const redis = await startServer();
    const port = await findFreePort();
    const env = {
      REDIS_URL: redis.url,
      QSTASH_TOKEN: 'bench',
      PORT: String(port),
      ALLOW_PRIVATE_DESTINATIONS: 'true',
      APIS: counts.apis,
      DISPATCHERS: counts.dispatchers,
    };
    const [api, dispatcher] = await Promise.all([startProcesses('api', env), startProcesses('dispatcher', env)]);
    return { name: 'product', url: `http://127.0.0.1:${port}`, pids: { api, dispatcher, redis: [redis.pid()] } };
  };
  const startFloor = async (): Promise<Contender> => {
    const redis = await startServer();
    const port = await findFreePort();
    const api = start(file('floor-api.js'), [port, redis.port]);
    const dispatcher = start(file('floor-worker.js'), [redis.port]);
    const pids = { api: [api.pid], dispatcher: [dispatcher.pid], redis: [redis.pid()] };
    return { name: 'floor', url: `http://127.0.0.1:${port}`, pids };
  };

  const receiverPort = await findFreePort();
  const receiver = `http://127.0.0.1:${receiverPort}`;
  start(file('receiver.js'), [receiverPort]);
  const [product, floor] = await Promise.all([startProduct(), startFloor()]);
  await Promise.all([`${receiver}/count`, `${product.url}/ready`, floor.url].map(untilAnswers));

  return {
    counts,
    product,
    floor,
    receiver,
    async end() {
      for (const child of children) {
        const ended = once(child, 'exit');
        if (child.exitCode === null && child.kill('SIGKILL')) await ended;
      }
      await Promise.all(servers.map((redis) => redis.stop()));
    },
  };
}

async function untilAnswers(url: string): Promise<void> {
  while (!(await fetch(url).catch(() => undefined))) await new Promise((resolve) => setTimeout(resolve, 20));
}
