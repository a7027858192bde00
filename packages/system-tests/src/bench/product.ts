import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readyMessage } from '@posthorn/process';
import { findFreePort, listChildProcesses } from '@posthorn/testkit';

/** An API and a dispatcher, each with all of its processes. */
export interface Product {
  /** `http://127.0.0.1:<port>` */
  url: string;
  pids: Record<'api' | 'dispatcher', number[]>;
  end(): Promise<void>;
}

/** Starts posthorn on a Redis. `variables` are those of both programs. */
export async function startProduct(redisUrl: string, variables: Record<string, string>): Promise<Product> {
  const children: ChildProcess[] = [];
  const port = await findFreePort();
  const env = {
    PATH: process.env['PATH'],
    REDIS_URL: redisUrl,
    QSTASH_TOKEN: 'bench',
    PORT: String(port),
    ALLOW_PRIVATE_DESTINATIONS: 'true',
    ...variables,
  };
  /** Gives all processes of a program when they are ready. */
  const start = async (name: string): Promise<number[]> => {
    const program = new URL(`../../../../apps/${name}/dist/main.js`, import.meta.url).pathname;
    const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    children.push(child);
    const [message] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as unknown[];
    if (message !== readyMessage || child.pid === undefined) throw new Error(`${name} ended before it was ready`);
    return [child.pid, ...listChildProcesses(child.pid).map((one) => one.pid)];
  };
  const [api, dispatcher] = await Promise.all([start('api'), start('dispatcher')]);
  return {
    url: `http://127.0.0.1:${port}`,
    pids: { api, dispatcher },
    async end() {
      for (const child of children) {
        const ended = once(child, 'exit');
        if (child.exitCode === null && child.kill('SIGKILL')) await ended;
      }
    },
  };
}
