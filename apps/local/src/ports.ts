import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { ConfigurationError, explainListenError } from '@posthorn/process';
import type { Config } from './config.ts';

/**
 * Checks that the ports of the API and of the probe can be used. Another server that answers there would be taken for
 * a process of ours that is ready; and Redis, which may have much to read, is not started for nothing.
 *
 * @throws {ConfigurationError}
 */
export async function requireFreePorts({ host, port, probePort }: Config): Promise<void> {
  if (probePort === port) {
    throw new ConfigurationError(
      `PROBE_PORT: ${port} is the port of the API (PORT); set PROBE_PORT to another number.`,
    );
  }
  await requireFreePort('PORT', host, port);
  if (probePort) await requireFreePort('PROBE_PORT', '127.0.0.1', probePort);
}

async function requireFreePort(variable: string, host: string, port: number): Promise<void> {
  try {
    await listenOnce(port, host);
  } catch (error) {
    const reason = explainListenError(error as NodeJS.ErrnoException, { variable, host, port });
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
