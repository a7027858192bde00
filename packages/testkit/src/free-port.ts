import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ports that systems give to connections and to servers that ask for any port. */
const lowest = 10_000;
const count = 1250;
/** Each worker of jest has ports of its own: one that it has found is not taken by another before it is used. */
const first = lowest + (Number(process.env['JEST_WORKER_ID'] ?? 0) % 16) * count;
let next = Math.floor(Math.random() * count);

/**
 * A loopback port without a listener. A port that the system chose could be given to another process, or to a
 * connection, before it is used. Then a test would talk to the server of another test.
 */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = first + (next++ % count);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer().listen(port, '127.0.0.1');
  try {
    await once(probe, 'listening');
  } catch {
    return false;
  }
  await new Promise((resolve) => probe.close(resolve));
  return true;
}
