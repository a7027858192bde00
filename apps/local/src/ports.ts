import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { ConfigurationError } from '@posthorn/broker';
import type { Config } from './config.ts';

/**
 * The API finds out by itself; this spares starting Redis, which may have much to read, for nothing.
 *
 * @throws {ConfigurationError}
 */
export async function requireFreePort({ HOST, PORT }: Config): Promise<void> {
  const reasons: Record<string, string> = {
    EADDRINUSE: `PORT: ${PORT} on ${HOST} is in use; stop what uses it or set PORT to another number.`,
    EACCES: `PORT: this user may not listen on ${PORT}; set PORT to a number above 1023.`,
    EADDRNOTAVAIL: `HOST: ${HOST} is no address of this machine; set HOST to one.`,
    ENOTFOUND: `HOST: ${HOST} cannot be found; set HOST to an address of this machine.`,
  };
  try {
    await listenOnce(PORT, HOST);
  } catch (error) {
    const reason = reasons[(error as NodeJS.ErrnoException).code ?? ''];
    throw reason ? new ConfigurationError(reason) : error;
  }
}

export function findFreePort(): Promise<number> {
  return listenOnce(0, '127.0.0.1');
}

/** Gives the port. */
async function listenOnce(port: number, host: string): Promise<number> {
  const probe = createServer().listen(port, host);
  await once(probe, 'listening');
  const { port: found } = probe.address() as AddressInfo;
  await new Promise((done) => probe.close(done));
  return found;
}
