import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A destination on this machine that accepts every message. */
export interface FirstReceiver {
  url: string;
  stop(): void;
}

const maxConnections = 10;
/** More of a body is not read. */
const maxBodyBytes = 64 * 1024;
const timeoutMs = 5000;

/**
 * Starts a destination for the message of the banner, so that it is delivered as pasted, without another program and
 * without the network. It says on the terminal what has arrived.
 */
export async function startFirstReceiver(log: (text: string) => void): Promise<FirstReceiver> {
  const server = createServer(
    { requestTimeout: timeoutMs, connectionsCheckingInterval: timeoutMs },
    (request, response) => {
      let bytes = 0;
      request.on('data', (data: Buffer) => {
        bytes += data.length;
        if (bytes > maxBodyBytes) request.destroy();
      });
      request.on('end', () => {
        response.end();
        const signature = request.headers['upstash-signature'] === undefined ? '' : ', signed';
        log(`your message has arrived: ${request.method ?? ''} with ${bytes} bytes${signature}`);
      });
    },
  );
  server.maxConnections = maxConnections;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hello`,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
