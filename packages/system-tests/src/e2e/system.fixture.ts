import {
  startApi,
  startReceiver,
  startRedis,
  startSystem,
  type Receiver,
  type TestApi,
  type TestRedis,
  type TestSystem,
  type TestSystemOptions,
} from '@posthorn/testkit';

/** All of posthorn, for the tests of one file. */
export interface UsedSystem extends TestSystem {
  /** The URL of a path of its receiver. */
  urlOf: (path: string) => string;
  /** Publishes to a path of its receiver; gives the id of the message. */
  publish: (path: string, headers?: Record<string, string>, body?: string) => Promise<string>;
}

/** A system for all tests of a file, which is complete when the first of them begins. */
export function useSystem(options?: TestSystemOptions): UsedSystem {
  const system = {
    urlOf: (path: string) => system.receiver.urlOf(path),
    publish: (path: string, headers: Record<string, string> = {}, body = 'x') =>
      system.api.publish(system.urlOf(path), { headers, body }),
  } as UsedSystem;
  beforeAll(async () => {
    Object.assign(system, await startSystem(options));
  });
  afterAll(() => system.stop());
  return system;
}

/** An API with its Redis, and a destination: for tests that start, kill and freeze dispatchers themselves. */
export interface UsedApi {
  redis: TestRedis;
  receiver: Receiver;
  api: TestApi;
}

/** @param scope whether all tests of a file share one, or each has its own, because it breaks Redis */
export function useApi(scope: 'file' | 'test'): UsedApi {
  const used = {} as UsedApi;
  const [before, after] = scope === 'file' ? [beforeAll, afterAll] : [beforeEach, afterEach];
  before(async () => {
    const [redis, receiver] = await Promise.all([startRedis(), startReceiver()]);
    Object.assign(used, { redis, receiver, api: await startApi(redis.url) });
  });
  after(async () => {
    await Promise.all([used.api.end('SIGKILL'), used.receiver.stop()]);
    await used.redis.stop();
  });
  return used;
}
