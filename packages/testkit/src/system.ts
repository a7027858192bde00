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

export async function startSystem(
  variables: { api?: Record<string, string>; dispatcher?: Record<string, string> } = {},
): Promise<TestSystem> {
  const redis = await startRedis();
  const [api, dispatcher, receiver] = await Promise.all([
    startApi(redis.url, variables.api),
    startDispatcher(redis.url, variables.dispatcher),
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
