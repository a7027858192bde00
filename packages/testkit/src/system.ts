import { startApi, startDispatcher, type TestApi, type TestDispatcher } from './posthorn.ts';
import { startReceiver, type Receiver } from './receiver.ts';
import { startRedis, type TestRedis } from './redis.ts';

/** All of posthorn and a destination, for tests from outside. */
export interface TestSystem {
  redis: TestRedis;
  api: TestApi;
  dispatcher: TestDispatcher;
  receiver: Receiver;
  stop(): Promise<void>;
}

export interface TestSystemOptions {
  /** Environment variables of the API. */
  api?: Record<string, string>;
  /** Environment variables of the dispatcher. */
  dispatcher?: Record<string, string>;
  /** Both use Redis as the user `posthorn`, who has these rules of `ACL SETUSER`; without, as the default user. */
  user?: { password: string; rules: readonly string[] };
}

export async function startSystem(options: TestSystemOptions = {}): Promise<TestSystem> {
  const redis = await startRedis();
  let { url } = redis;
  if (options.user) {
    const { password, rules } = options.user;
    await redis.client.call('ACL', 'SETUSER', 'posthorn', 'on', `>${password}`, ...rules);
    url = url.replace('//', `//posthorn:${password}@`);
  }
  const [api, dispatcher, receiver] = await Promise.all([
    startApi(url, options.api),
    startDispatcher(url, options.dispatcher),
    startReceiver(),
  ]);
  return {
    redis,
    api,
    dispatcher,
    receiver,
    async stop() {
      await Promise.all([api.end('SIGKILL'), dispatcher.end('SIGKILL'), receiver.stop()]);
      await redis.stop();
    },
  };
}
