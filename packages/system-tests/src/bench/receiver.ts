// The destination of the bench: counts what arrives, and how long it took since it was published.
import { createServer } from 'node:http';

let count = 0;
let latencies: number[] = [];

createServer((request, response) => {
  if (request.url === '/count') {
    response.end(JSON.stringify(count));
    return;
  }
  if (request.url === '/latencies') {
    response.end(JSON.stringify(latencies));
    latencies = [];
    return;
  }
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    response.end();
    count++;
    if (request.url !== '/timed') return;
    latencies.push(performance.timeOrigin + performance.now() - Number(Buffer.concat(chunks).toString().split(' ')[0]));
  });
}).listen(Number(process.argv[2]), '127.0.0.1', () => console.log('listening'));
