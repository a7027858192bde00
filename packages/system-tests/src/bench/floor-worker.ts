// The least that a dispatcher can be: a BullMQ Worker and an undici Agent.
import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { Agent } from 'undici';

const redisPort = Number(process.argv[3]);
const connection = new Redis({ port: redisPort, maxRetriesPerRequest: null });
const agent = new Agent();

const worker = new Worker<{ body: string; url: string }>(
  'floor',
  async ({ data }) => {
    const url = new URL(data.url);
    const { body } = await agent.request({ origin: url.origin, path: url.pathname, method: 'POST', body: data.body });
    await body.dump();
  },
  { connection, concurrency: 200 },
);
void worker.waitUntilReady().then(() => console.log('ready'));
