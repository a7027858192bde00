import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  findFreePort,
  startApi,
  startDispatcher,
  startRedis,
  type TestApi,
  type TestProcess,
  type TestRedis,
  type TestRedisOptions,
} from '@posthorn/testkit';
import { countMessages, describeMessages } from './pending-messages.ts';
import { makeAccount, type Account } from './ledger/account.ts';
import { followLedger, type PublishLine, type ReceiverLine } from './ledger/lines.ts';
import { startLoad, type Load } from './ledger/load.ts';
import { createPublisher, type Publisher } from './ledger/publisher.ts';
import { startReceiver } from './ledger/start-receiver.ts';
import { startProxy, type Proxy } from './proxy.ts';
import type { Random } from '../random.ts';
import { readVersions } from './versions.ts';

export interface StageOptions {
  redis?: TestRedisOptions;
  apis?: number;
  dispatchers?: number;
  /** Variables of each process. */
  api?: Record<string, string>;
  dispatcher?: Record<string, string>;
  /** Puts a proxy between the processes and Redis. */
  proxied?: boolean;
  /** Makes what else is needed to find Redis, and gives the URL at which the processes look for it. */
  findRedis?: (redis: TestRedis) => Promise<string>;
  random?: Random;
}

/** All of posthorn as real processes, under load, with its ledger. */
export interface Stage {
  /** Another one after a failover. */
  redis: TestRedis;
  proxy: Proxy | undefined;
  apis: TestApi[];
  dispatchers: TestProcess[];
  publisher: Publisher;
  versions: Record<string, string>;
  /** URL of the receiver. */
  receiver: string;
  /** Where every process finds Redis. */
  redisUrl: string;
  load(perSecond: number): Promise<Load>;
  /** Makes or changes something by the API. */
  post(path: string, body?: object, headers?: Record<string, string>): Promise<void>;
  /** Starts one more, or in place of one that has ended. */
  startDispatcher(index?: number, variables?: Record<string, string>): Promise<TestProcess>;
  startApi(index: number): Promise<TestApi>;
  /** Whether every destination answers 503. */
  setDestinationsDown(isDown: boolean): void;
  /** Told of each request whose URL says `tell`. */
  onReceived(listener: (id: string, retried: number) => void): void;
  account(): Account;
  /** Waits until every acknowledged message has ended and nothing is left in Redis, or the time is up. */
  drain(timeoutMs: number): Promise<Account>;
  /**
   * The longest time that an API took for a response that needs nothing but the machine, and that this process stood still:
   * the slowness of the machine is not ours.
   */
  slownessMs(): number;
  /** Messages in Redis at the last look. */
  left(): number;
  /** Faults that the processes logged of themselves: no response may be 500, and no process may crash. */
  complaints(): string[];
  /** Some of them. */
  describeLeft(): Promise<string[]>;
  deadIds(): ReadonlySet<string>;
  compareWithApi(): Promise<{ stillThere: string[]; strangers: string[]; logDiffers: string[] }>;
  end(): Promise<void>;
}

const signingKey = 'sig_chaos_0123456789abcdef';
export const queues = ['queue-a', 'queue-b', 'queue-c'];
const group = 'chaos-group';
/** Concurrency of a dispatcher whose variables do not say otherwise: the default. */
export const defaultConcurrency = 200;

/** The stages that stand, so that an interrupted run leaves no process behind. */
const standing = new Set<Stage>();
const warmUpMs = 2000;
const yardstickEveryMs = 100;

export async function endAllStages(): Promise<void> {
  await Promise.allSettled(Array.from(standing, (stage) => stage.end()));
}

export async function setStage(options: StageOptions & { random: Random }): Promise<Stage> {
  const { redis: redisOptions, apis: apiCount = 1, dispatchers: dispatcherCount = 2, random } = options;
  // Redis lies below the temporary directory; a full disk there must not stop the ledger.
  const folder = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'posthorn-ledger-'));
  const files = { published: join(folder, 'published'), received: join(folder, 'received') };
  const redis = await startRedis(redisOptions);
  const proxy = options.proxied ? await startProxy(redis.port) : undefined;
  const redisUrl = (await options.findRedis?.(redis)) ?? proxy?.url ?? redis.url;
  const receiver = await startReceiver(files.received, signingKey);
  const apiVariables = {
    QSTASH_CURRENT_SIGNING_KEY: signingKey,
    BURST_RATE_LIMIT: '0',
    MESSAGE_GRACE_SECONDS: '0',
    LOG_LEVEL: 'warn',
    ...options.api,
  };
  const dispatcherVariables = { MESSAGE_GRACE_SECONDS: '0', LOG_LEVEL: 'warn', ...options.dispatcher };
  const ports = await Promise.all(Array.from({ length: apiCount }, findFreePort));

  const apis: TestApi[] = [];
  const dispatchers: TestProcess[] = [];
  const processes: TestProcess[] = [];
  const published = followLedger<PublishLine>(files.published);
  const received = followLedger<ReceiverLine>(files.received);
  const publishes: PublishLine[] = [];
  const receiverLines: ReceiverLine[] = [];
  const publisher = createPublisher(files.published, () => apis.map(({ url }) => url), `${receiver.url}/callback`);
  let slownessMs = 0;
  /** How long this process itself stood still: it measures the faults, and publishes. */
  let standstillMs = 0;
  let lookedAt = performance.now();
  const yardstick = setInterval(() => {
    const sentAt = performance.now();
    standstillMs = Math.max(standstillMs, Math.round(sentAt - lookedAt - yardstickEveryMs));
    lookedAt = sentAt;
    const note = () => (slownessMs = Math.max(slownessMs, Math.round(performance.now() - sentAt)));
    fetch(`${apis[0]?.url ?? ''}/health`).then(note, () => undefined);
  }, yardstickEveryMs);
  let deadIds: ReadonlySet<string> = new Set();
  let leftMessages = -1;

  const stage: Stage = {
    redis,
    proxy,
    apis,
    dispatchers,
    publisher,
    versions: {},
    receiver: receiver.url,
    redisUrl,
    async load(perSecond) {
      const endpoints = ['a', 'b', 'c'].map((name) => ({ name, url: `${receiver.url}/m?ms=5&endpoint=${name}` }));
      await stage.post(`/v2/topics/${group}/endpoints`, { endpoints });
      for (const queueName of queues) await stage.post('/v2/queues', { queueName, parallelism: 1 });
      const options = { receiver: receiver.url, random, group, queues };
      // The first requests of a process compile it, which takes seconds on a slow machine and is not what faults do.
      const warmUp = startLoad(publisher, { ...options, perSecond: perSecond / 10 });
      await new Promise((resolve) => setTimeout(resolve, warmUpMs));
      await warmUp.stop();
      slownessMs = 0;
      standstillMs = 0;
      return startLoad(publisher, { ...options, perSecond });
    },
    async post(path, body, headers = {}) {
      const init = { method: 'POST', headers, ...(body ? { body: JSON.stringify(body) } : {}) };
      const response = await apis[0]?.call(path, init);
      if (!response?.ok) throw new Error(`${path} answered ${response?.status ?? 0}`);
    },
    async startDispatcher(index = dispatchers.length, variables = {}) {
      const dispatcher = await startDispatcher(redisUrl, { ...dispatcherVariables, ...variables });
      processes.push(dispatcher);
      return (dispatchers[index] = dispatcher);
    },
    async startApi(index) {
      const api = await startApi(redisUrl, { ...apiVariables, PORT: String(ports[index]) });
      processes.push(api);
      return (apis[index] = api);
    },
    setDestinationsDown: (isDown) => receiver.order({ isDown }),
    onReceived: receiver.onReceived,
    account() {
      // One by one: after a long run they are more than a call can have arguments.
      for (const line of published.read()) publishes.push(line);
      for (const line of received.read()) receiverLines.push(line);
      return makeAccount(publishes, receiverLines, deadIds);
    },
    async drain(timeoutMs) {
      const deadline = Date.now() + timeoutMs;
      for (;;) {
        const [dead, pending] = await Promise.all([
          listDeadLetters().catch(() => deadIds),
          countMessages(stage.redis.client).catch(() => -1),
        ]);
        deadIds = dead;
        leftMessages = pending;
        const account = stage.account();
        if ((account.open.length === 0 && leftMessages === 0) || Date.now() > deadline) return account;
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
    },
    slownessMs: () => slownessMs + standstillMs,
    left: () => leftMessages,
    complaints: () =>
      processes
        .flatMap((process) => process.output().split('\n'))
        .filter((line) => line.includes('request.broken') || /^(Uncaught|\w*Error\b)/.test(line)),
    describeLeft: () => describeMessages(stage.redis.client),
    deadIds: () => deadIds,
    async compareWithApi() {
      const acked = publishes.filter(({ outcome }) => outcome === 'acked');
      const ids = acked.flatMap((publish) => publish.ids);
      const known = new Set([...ids, ...receiverLines.flatMap((line) => (line.kind === 'receipt' ? [line.id] : []))]);
      const found = {
        stillThere: [] as string[],
        strangers: [...deadIds].filter((id) => !known.has(id)),
        logDiffers: [] as string[],
      };
      let next = 0;
      const [api] = apis;
      const readSome = async () => {
        for (let from = (next += 100) - 100; from < ids.length; from = (next += 100) - 100) {
          const some = ids.slice(from, from + 100);
          const ends = await readEnds(api, some);
          found.logDiffers.push(...some.filter((id) => ends.get(id) !== (deadIds.has(id) ? 'FAILED' : 'DELIVERED')));
          for (const id of some) if ((await api?.call(`/v2/messages/${id}`))?.status !== 404) found.stillThere.push(id);
        }
      };
      await Promise.all(Array.from({ length: 8 }, readSome));
      return found;
    },
    async end() {
      if (!standing.delete(stage)) return;
      clearInterval(yardstick);
      stage.redis.thaw();
      await Promise.all([...apis, ...dispatchers].map((process) => process.end('SIGKILL')));
      await receiver.end();
      await publisher.close();
      await proxy?.close();
      await redis.stop();
      published.close();
      received.close();
      if (process.env['CHAOS_KEEP']) console.log(`the ledger is in ${folder}`);
      else await rm(folder, { recursive: true, force: true });
    },
  };
  standing.add(stage);
  try {
    await Promise.all([
      ...ports.map((_, index) => stage.startApi(index)),
      ...Array.from({ length: dispatcherCount }, (_, index) => stage.startDispatcher(index)),
    ]);
    stage.versions = await readVersions(redis.client);
  } catch (error) {
    await stage.end();
    throw error;
  }
  return stage;

  async function listDeadLetters(): Promise<ReadonlySet<string>> {
    const ids = new Set<string>();
    let cursor: string | undefined = '';
    do {
      const response: Response | undefined = await apis[0]?.call(
        `/v2/dlq?count=100${cursor ? `&cursor=${cursor}` : ''}`,
      );
      if (!response?.ok) throw new Error(`/v2/dlq answered ${response?.status ?? 0}`);
      const page = (await response.json()) as { messages: { messageId: string }[]; cursor?: string };
      for (const { messageId } of page.messages) ids.add(messageId);
      cursor = page.cursor;
    } while (cursor);
    return ids;
  }
}

/** The last state of each message in the log. */
async function readEnds(api: TestApi | undefined, ids: readonly string[]): Promise<Map<string, string>> {
  const response = await api?.call(`/v2/events?${ids.map((id) => `messageIds=${id}`).join('&')}`);
  if (!response?.ok) throw new Error(`/v2/events answered ${response?.status ?? 0}`);
  const { events } = (await response.json()) as { events: { messageId: string; state: string }[] };
  const ends = new Map<string, string>();
  for (const { messageId, state } of events) if (!ends.has(messageId)) ends.set(messageId, state);
  return ends;
}
