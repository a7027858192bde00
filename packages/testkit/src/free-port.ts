import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ports that systems give to connections and to servers that ask for any port. */
const lowest = 10_000;
const count = 20_000;

/** Processes that test beside each other start far apart. */
let next = Math.floor(Math.random() * count);

/**
 * A loopback port without a listener. A port that the system chose could be given to another process, or to a
 * connection, before it is used. Then a test would talk to the server of another test.
 */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = lowest + (next++ % count);
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
