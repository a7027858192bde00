import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkReply } from './check-reply.ts';
import { eventually } from './eventually.ts';
import { findFreePort } from './free-port.ts';

export const testToken = 'test-token-0123456789';

/** One process of posthorn, built and run as in production. */
export interface TestProcess {
  pid: number;
  /** Everything that it wrote so far. */
  output(): string;
  /** The lines of its output that contain a text. */
  lines(part: string): string[];
  kill(signal: NodeJS.Signals): void;
  /** Sends the signal and waits for the end; gives the exit status. */
  end(signal: NodeJS.Signals): Promise<number | null>;
  exited: Promise<number | null>;
}

/** An object of the API whose fields a test looks at. */
export type Fields = Record<string, unknown>;

/** A response that was read to its end; its body is the value of its JSON, `undefined` without a body. */
export interface TestReply<T = Fields> {
  status: number;
  headers: Headers;
  body: T;
}

/** What a request has beside its method and path. Lists and plain objects are sent as JSON. */
export interface TestRequest {
  headers?: Record<string, string>;
  body?: NonNullable<RequestInit['body']> | object | undefined;
}

/** An entry of the log. */
export interface TestEvent extends Fields {
  messageId: string;
  state: string;
  /** Milliseconds since 1970. */
  time: number;
  error?: string;
  nextDeliveryTime?: number;
  responseStatus?: number;
}

export interface TestDeadLetter extends Fields {
  messageId: string;
  dlqId: string;
}

/** A process that answers over HTTP, and what it says of itself. */
export interface TestServer extends TestProcess {
  /** `http://127.0.0.1:<port>` */
  url: string;
  /** The text of `/metrics`. */
  metrics(): Promise<string>;
  /** One number of `/metrics`, by its name and its labels as written there; `undefined` if it is not there. */
  metric(name: string): Promise<number | undefined>;
}

export interface TestApi extends TestServer {
  /** A request with the token, unless the headers say otherwise; a reply that breaks the OpenAPI document is a failure. */
  call(path: string, init?: RequestInit & { headers?: Record<string, string> }): Promise<Response>;
  /** As `call`, and reads the response, whatever its status. */
  request<T = Fields>(method: string, path: string, request?: TestRequest): Promise<TestReply<T>>;
  /** The body of the response to a GET; @throws {Error} if the status is not a success. */
  read<T = Fields>(path: string): Promise<T>;
  /** Publishes and gives the id of the only message; @throws {Error} if it is refused. */
  publish(destination: string, request?: TestRequest): Promise<string>;
  /** As `publish`, into a queue. */
  enqueue(queue: string, destination: string, request?: TestRequest): Promise<string>;
  /** Adds endpoints without a name to a URL group, which it creates. */
  addEndpoints(group: string, ...urls: string[]): Promise<void>;
  /** A message as its endpoint shows it. */
  message(messageId: string): Promise<Fields>;
  /** The log of a message, newest first. */
  events(messageId: string): Promise<TestEvent[]>;
  /** The log of a message as states, oldest first. */
  states(messageId: string): Promise<string[]>;
  /** Waits until this is the latest state of a message; 30 s at the most by default. */
  untilState(messageId: string, state: string, timeoutMs?: number): Promise<void>;
  /** The first page of the dead letter queue, oldest first. */
  deadLetters(query?: string): Promise<TestDeadLetter[]>;
  /** Waits until a message is in the dead letter queue. */
  untilDead(messageId: string): Promise<TestDeadLetter>;
}

/** A dispatcher; its URL is that of its probe, with `/ready` and `/metrics`. */
export type TestDispatcher = TestServer;

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
  const request = async <T>(
    method: string,
    path: string,
    { headers = {}, body }: TestRequest = {},
  ): Promise<TestReply<T>> => {
    const response = await call(path, { method, headers, ...(body === undefined ? {} : { body: toBody(body) }) });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: (text === '' ? undefined : JSON.parse(text)) as T,
    };
  };
  /** The body of a response whose status is a success. */
  const succeed = async <T>(method: string, path: string, parts?: TestRequest): Promise<T> => {
    const { status, body } = await request<T>(method, path, parts);
    if (status >= 300) throw new Error(`${method} ${path} answered ${status}: ${JSON.stringify(body)}`);
    return body;
  };
  const publish = async (path: string, parts?: TestRequest) =>
    (await succeed<{ messageId: string }>('POST', path, parts)).messageId;
  const api: TestApi = {
    ...toServer(started, url),
    call,
    request,
    read: (path) => succeed('GET', path),
    publish: (destination, parts) => publish(`/v2/publish/${destination}`, parts),
    enqueue: (queue, destination, parts) => publish(`/v2/enqueue/${queue}/${destination}`, parts),
    async addEndpoints(group, ...urls) {
      const body = { endpoints: urls.map((endpoint) => ({ url: endpoint })) };
      await succeed('POST', `/v2/topics/${group}/endpoints`, { body });
    },
    message: (messageId) => api.read(`/v2/messages/${messageId}`),
    events: async (messageId) => (await api.read<{ events: TestEvent[] }>(`/v2/events?messageId=${messageId}`)).events,
    states: async (messageId) => (await api.events(messageId)).map(({ state }) => state).reverse(),
    async untilState(messageId, state, timeoutMs) {
      await eventually(async () => {
        const states = await api.states(messageId);
        if (states.at(-1) !== state) throw new Error(`${messageId} is not ${state}: ${states.join()}`);
        return true;
      }, timeoutMs);
    },
    deadLetters: async (query = '') => (await api.read<{ messages: TestDeadLetter[] }>(`/v2/dlq${query}`)).messages,
    untilDead: (messageId) => eventually(async () => (await api.deadLetters(`?messageId=${messageId}`))[0]),
  };
  return api;
}

/** The text of a response that says what was wrong. */
export async function readError(response: Response): Promise<string> {
  return ((await response.json()) as { error: string }).error;
}

/** Bytes and texts are sent as they are. */
function toBody(body: NonNullable<TestRequest['body']>): NonNullable<RequestInit['body']> {
  const isPlain = Array.isArray(body) || Object.getPrototypeOf(body) === Object.prototype;
  return isPlain ? JSON.stringify(body) : (body as NonNullable<RequestInit['body']>);
}

function toServer(started: TestProcess, url: string): TestServer {
  const metrics = async () => (await fetch(`${url}/metrics`)).text();
  return {
    ...started,
    url,
    metrics,
    async metric(name) {
      const line = (await metrics()).split('\n').find((text) => text.startsWith(`${name} `));
      return line === undefined ? undefined : Number(line.slice(name.length + 1));
    },
  };
}

/** Starts a dispatcher that may deliver to this machine, and waits until it is ready. */
export async function startDispatcher(redisUrl: string, variables: Variables = {}): Promise<TestDispatcher> {
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const started = startApp('dispatcher', { REDIS_URL: redisUrl, PROBE_PORT: String(port), ...variables });
  await untilReady(url, started);
  return toServer(started, url);
}

/** Starts a built app; both may use destinations on this machine unless told otherwise. */
export function startApp(name: 'api' | 'dispatcher' | 'local', variables: Variables): TestProcess {
  const program = `${findRoot()}/apps/${name}/dist/main.js`;
  const child: ChildProcess = spawn(process.execPath, [program], {
    env: { PATH: process.env['PATH'], ALLOW_PRIVATE_DESTINATIONS: 'true', ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data: Buffer) => (output += data.toString()));
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  return {
    pid: child.pid ?? 0,
    output: () => output,
    lines: (part) => output.split('\n').filter((line) => line.includes(part)),
    kill: (signal) => void child.kill(signal),
    exited,
    end: async (signal) => {
      child.kill(signal);
      return exited;
    },
  };
}

/** A process has its log say that it has started; one whose log is off is looked at now and then. */
const lookMs = 250;

async function untilReady(url: string, { exited, output }: TestProcess): Promise<void> {
  const process = { hasEnded: false };
  void exited.then(() => (process.hasEnded = true));
  for (;;) {
    const lookAgainAt = performance.now() + lookMs;
    const seen = output();
    const response = await fetch(`${url}/ready`).catch(() => undefined);
    if (response?.ok) return;
    while (output() === seen && performance.now() < lookAgainAt && !process.hasEnded) await sleep(5);
    if (process.hasEnded) throw new Error(`the process ended before it was ready: ${output()}`);
  }
}

/** The root of the repository: tests run there. */
function findRoot(): string {
  return process.env['POSTHORN_ROOT'] ?? process.cwd();
}
