import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { checkReply } from './check-reply.ts';
import { findFreePort } from './free-port.ts';

export const testToken = 'test-token-0123456789';

/** One process of posthorn, built and run as in production. */
export interface TestProcess {
  pid: number;
  /** Everything that it wrote so far. */
  output(): string;
  kill(signal: NodeJS.Signals): void;
  /** Sends the signal and waits for the end; gives the exit status. */
  end(signal: NodeJS.Signals): Promise<number | null>;
  exited: Promise<number | null>;
}

export interface TestApi extends TestProcess {
  /** `http://127.0.0.1:<port>` */
  url: string;
  /** A request with the token, unless the headers say otherwise; a reply that breaks the OpenAPI document is a failure. */
  call(path: string, init?: RequestInit & { headers?: Record<string, string> }): Promise<Response>;
  /** Publishes and gives the id of the only message. */
  publish(
    destination: string,
    init?: { headers?: Record<string, string>; body?: NonNullable<RequestInit['body']> },
  ): Promise<string>;
  /** The log of a message as states, oldest first. */
  states(messageId: string): Promise<string[]>;
}

/** A dispatcher, and where its probe is. */
export interface TestDispatcher extends TestProcess {
  /** `http://127.0.0.1:<port>`, with `/ready` and `/metrics`. */
  url: string;
}

type Variables = Record<string, string>;

/** Starts an API and waits until it is ready. */
export async function startApi(redisUrl: string, variables: Variables = {}): Promise<TestApi> {
  const port = Number(variables['PORT'] ?? (await findFreePort()));
  const url = `http://127.0.0.1:${port}`;
  const started = startApp('api', {
    REDIS_URL: redisUrl,
    PORT: String(port),
    QSTASH_TOKEN: testToken,
    // Tests poll often.
    BURST_RATE_LIMIT: '0',
    ...variables,
  });
  await untilReady(url, started);

  const call: TestApi['call'] = async (path, init = {}) => {
    const response = await fetch(url + path, {
      ...init,
      headers: { Authorization: `Bearer ${testToken}`, ...(init.headers as Record<string, string>) },
    });
    await checkReply(init.method ?? 'GET', path, response);
    return response;
  };
  return {
    ...started,
    url,
    call,
    async publish(destination, init = {}) {
      const response = await call(`/v2/publish/${destination}`, { method: 'POST', ...init });
      const text = await response.text();
      if (!response.ok) throw new Error(`publish answered ${response.status}: ${text}`);
      return (JSON.parse(text) as { messageId: string }).messageId;
    },
    async states(messageId) {
      const response = await call(`/v2/events?messageId=${messageId}`);
      const { events } = (await response.json()) as { events: { state: string }[] };
      return events.map(({ state }) => state).reverse();
    },
  };
}

/** Starts a dispatcher that may deliver to this machine, and waits until it is ready. */
export async function startDispatcher(redisUrl: string, variables: Variables = {}): Promise<TestDispatcher> {
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const started = startApp('dispatcher', { REDIS_URL: redisUrl, PROBE_PORT: String(port), ...variables });
  await untilReady(url, started);
  return { ...started, url };
}

/** Starts a built app; both may use destinations on this machine unless told otherwise. */
export function startApp(name: 'api' | 'dispatcher' | 'local', variables: Variables): TestProcess {
  const program = `${findRoot()}/apps/${name}/dist/main.js`;
  const child: ChildProcess = spawn(process.execPath, [program], {
    env: { PATH: process.env['PATH'], ALLOW_PRIVATE_DESTINATIONS: 'true', ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout?.on('data', (data: Buffer) => (output += data.toString()));
  child.stderr?.on('data', (data: Buffer) => (output += data.toString()));
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  return {
    pid: child.pid ?? 0,
    output: () => output,
    kill: (signal) => void child.kill(signal),
    exited,
    end: async (signal) => {
      child.kill(signal);
      return exited;
    },
  };
}

async function untilReady(url: string, { exited, output }: TestProcess): Promise<void> {
  const ended = exited.then(() => 'ended' as const);
  for (;;) {
    const response = await fetch(`${url}/ready`).catch(() => undefined);
    if (response?.ok) return;
    const pause = new Promise((resolve) => setTimeout(resolve, 20));
    if ((await Promise.race([ended, pause])) === 'ended')
      throw new Error(`the process ended before it was ready: ${output()}`);
  }
}

/** The root of the repository: tests run there. */
function findRoot(): string {
  return process.env['POSTHORN_ROOT'] ?? process.cwd();
}
