// The least that an API can be: node:http, the body, one BullMQ add, a response.
import { createServer } from 'node:http';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';

const [port, redisPort] = process.argv.slice(2).map(Number);
const connection = new Redis({ port: redisPort ?? 0, enableAutoPipelining: true, maxRetriesPerRequest: null });
const queue = new Queue('floor', { connection });

createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString();
    void queue
      .add('m', { body, url: request.url?.slice('/v2/publish/'.length) }, { removeOnComplete: true })
      .then(({ id }) => {
        response.setHeader('Content-Type', 'application/json').end(JSON.stringify({ messageId: id }));
      });
  });
}).listen(port, '127.0.0.1', () => console.log('listening'));
