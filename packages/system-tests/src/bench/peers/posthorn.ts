import { startApi, startDispatcher, startRedis } from '@posthorn/testkit';
import { parseAdapter, type Adapter } from './adapter.ts';

/** Starts posthorn with a Redis of its own, and makes the adapter by which it is measured. */
export async function startPosthorn(): Promise<{ adapter: Adapter; end(): Promise<void> }> {
  const redis = await startRedis();
  const [api, dispatcher] = await Promise.all([
    startApi(redis.url, { QSTASH_TOKEN: 'bench' }),
    startDispatcher(redis.url),
  ]);
  const adapter = {
    name: 'posthorn',
    publish: { url: `${api.url}/v2/publish/{destination}`, headers: { Authorization: 'Bearer bench' } },
    processes: { api: api.pid, dispatcher: dispatcher.pid, redis: redis.pid() },
  };
  return {
    adapter: parseAdapter(adapter, 'of posthorn'),
    async end() {
      await Promise.all([api.end('SIGKILL'), dispatcher.end('SIGKILL')]);
      await redis.stop();
    },
  };
}
