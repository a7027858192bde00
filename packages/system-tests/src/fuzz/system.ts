import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buildOpenApi } from '@posthorn/shared';
import { startApi, startDispatcher, startRedis, testToken } from '@posthorn/testkit';
import { fuzz, type FuzzReport } from './fuzz.ts';
import { createRequests } from './generate.ts';
import { createRandom } from '../random.ts';

/** Few of each thing, so that the lists of them stay short. */
const variables = {
  BURST_RATE_LIMIT: '0',
  MAX_QUEUES: '30',
  MAX_URL_GROUPS: '30',
  MAX_SCHEDULES: '30',
  MAX_RETRIES: '1',
  ALLOW_PRIVATE_DESTINATIONS: 'false',
  DESTINATION_ALLOW: '127.0.0.1/32',
};

/** Starts all of posthorn and a receiver, sends that many requests, and says what came of it. */
export async function fuzzSystem(
  seed: number,
  requests: number,
  onProgress?: (done: number) => void,
): Promise<FuzzReport & { deaths: number }> {
  const receiver = createServer((request, response) => {
    request.resume();
    response.writeHead(request.url?.includes('fail') ? 500 : 200).end();
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const redis = await startRedis({ durability: 'everysec' });
  const api = await startApi(redis.url, variables);
  const dispatcher = await startDispatcher(redis.url, variables);
  let deaths = 0;
  let isOver = false;
  for (const { exited } of [api, dispatcher]) void exited.then(() => (deaths += isOver ? 0 : 1));

  const ids: string[] = [];
  const next = createRequests(buildOpenApi(), {
    random: createRandom(seed),
    receiver: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`,
    token: testToken,
    ids,
  });
  const remember = ({ body }: { body: string }) => {
    const id = /"(?:messageId|dlqId|scheduleId|cursor)":"([^"]+)"/.exec(body)?.[1];
    if (id) ids[Math.floor(ids.length < 100 ? ids.length : Math.random() * 100)] = id;
  };
  try {
    const report = await fuzz(api.url, next, {
      requests,
      connections: 8,
      pipelined: 8,
      onReply: remember,
      ...(onProgress ? { onProgress } : {}),
    });
    // Whoever answered all this still works.
    await api.publish('http://127.0.0.1:9/', { headers: { 'Upstash-Delay': '1h' } });
    return { ...report, deaths };
  } finally {
    isOver = true;
    await Promise.all([api.end('SIGKILL'), dispatcher.end('SIGKILL')]);
    receiver.close();
    receiver.closeAllConnections();
    await redis.stop();
  }
}
