import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { ConfigurationError } from '@posthorn/broker';
import type { Config } from './config.ts';

/**
 * Checks that the ports of the API and of the probe can be used. Another server that answers there would be taken for
 * a process of ours that is ready; and Redis, which may have much to read, is not started for nothing.
 *
 * @throws {ConfigurationError}
 */
export async function requireFreePorts({ HOST, PORT, PROBE_PORT }: Config): Promise<void> {
  if (PROBE_PORT === PORT) {
    throw new ConfigurationError(
      `PROBE_PORT: ${PORT} is the port of the API (PORT); set PROBE_PORT to another number.`,
    );
  }
  await requireFreePort('PORT', HOST, PORT);
  if (PROBE_PORT) await requireFreePort('PROBE_PORT', '127.0.0.1', PROBE_PORT);
}

async function requireFreePort(variable: string, host: string, port: number): Promise<void> {
  const reasons: Record<string, string> = {
    EADDRINUSE: `${variable}: ${port} on ${host} is in use; stop what uses it or set ${variable} to another number.`,
    EACCES: `${variable}: this user may not listen on ${port}; set ${variable} to a number above 1023.`,
    EADDRNOTAVAIL: `HOST: ${host} is no address of this machine; set HOST to one.`,
    ENOTFOUND: `HOST: ${host} cannot be found; set HOST to an address of this machine.`,
  };
  try {
    await listenOnce(port, host);
  } catch (error) {
    const reason = reasons[(error as NodeJS.ErrnoException).code ?? ''];
    throw reason ? new ConfigurationError(reason) : error;
  }
}

/** A port of 127.0.0.1 on which nothing listens. */
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
