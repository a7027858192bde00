import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { ConfigurationError, explainListenError, listPorts, requireDistinctPorts } from '@posthorn/process';
import type { Config } from './config.ts';

/**
 * Checks that the ports of the API, of its metrics and of the probes can be used. Another server that answers there
 * would be taken for a process of ours that is ready; and Redis, which may have much to read, is not started for nothing.
 *
 * @param dispatchers how many of them there will be
 * @throws {ConfigurationError}
 */
export async function requireFreePorts(config: Config, dispatchers: number): Promise<void> {
  const { host, port, probePort, metricsHost } = config;
  const probePorts = listPorts('PROBE_PORT', probePort, dispatchers);
  if (probePorts.includes(port)) {
    throw new ConfigurationError(
      `PROBE_PORT: ${port} is the port of the API (PORT); set PROBE_PORT to another number.`,
    );
  }
  const metrics = {
    variable: 'METRICS_PORT',
    name: 'the metrics',
    host: metricsHost,
    ports: listPorts('METRICS_PORT', config.metricsPort, config.apis),
  };
  requireDistinctPorts({ variable: 'PORT', name: 'the API', host, ports: [port] }, metrics);
  requireDistinctPorts(metrics, {
    variable: 'PROBE_PORT',
    name: 'the probes',
    host: '127.0.0.1',
    ports: probePorts,
  });
  await requireFreePort('PORT', host, port);
  for (const one of metrics.ports) await requireFreePort('METRICS_PORT', metricsHost, one);
  for (const probe of probePorts) await requireFreePort('PROBE_PORT', '127.0.0.1', probe);
}

async function requireFreePort(variable: string, host: string, port: number): Promise<void> {
  try {
    await listenOnce(port, host);
  } catch (error) {
    const reason = explainListenError(error as NodeJS.ErrnoException, { variable, host, port });
    throw reason ? new ConfigurationError(reason) : error;
  }
}

/** The first of `count` successive ports of 127.0.0.1 on which nothing listens. */
export async function findFreePorts(count: number): Promise<number> {
  for (;;) {
    const first = await listenOnce(0, '127.0.0.1');
    try {
      for (let port = first + 1; port < first + count; port++) await listenOnce(port, '127.0.0.1');
      return first;
    } catch {
      // One of them is in use, or above the highest port.
    }
  }
}

/** Gives the port. */
async function listenOnce(port: number, host: string): Promise<number> {
  const probe = createServer().listen(port, host);
  await once(probe, 'listening');
  const { port: found } = probe.address() as AddressInfo;
  await new Promise((done) => probe.close(done));
  return found;
}
