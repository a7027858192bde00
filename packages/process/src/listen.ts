import { isIPv6, type Server } from 'node:net';
import { ConfigurationError } from './env.ts';

/** Where a server listens, and the variable that sets its port: `PORT`, or one such as `METRICS_PORT`. */
export interface ListenAddress {
  variable: string;
  host: string;
  port: number;
}

/**
 * Makes a server listen. Processes that `startProcesses` has started share the port, unless it is `exclusive`.
 *
 * @throws {ConfigurationError} with what went wrong and the variable to change
 */
export function listen(server: Server, address: ListenAddress & { exclusive?: boolean }): Promise<void> {
  const { variable, ...where } = address;
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const other = `${variable}: cannot listen on ${where.host}:${where.port} (${error.message}).`;
      reject(new ConfigurationError(explainListenError(error, address) ?? other));
    });
    server.listen(where, () => {
      resolve();
    });
  });
}

/** Why this process cannot listen there, and what to change; `undefined` for an error that is not known. */
export function explainListenError(
  { code = '' }: NodeJS.ErrnoException,
  { variable, host, port }: ListenAddress,
): string | undefined {
  const hostVariable = variable.replace('PORT', 'HOST');
  const reasons: Record<string, string> = {
    EADDRINUSE: `${variable}: ${port} on ${host} is in use; stop what uses it or set ${variable} to another number.`,
    EACCES: `${variable}: this user may not listen on ${port}; set ${variable} to a number above 1023.`,
    EADDRNOTAVAIL: `${hostVariable}: ${host} is no address of this machine; set ${hostVariable} to one.`,
    ENOTFOUND: `${hostVariable}: ${host} cannot be found; set ${hostVariable} to an address of this machine.`,
  };
  return reasons[code];
}

/** Where one or more servers listen, and how a sentence calls them. */
export interface OwnPorts {
  variable: string;
  name: string;
  host: string;
  ports: readonly number[];
}

/**
 * Checks that servers of ours do not have the same port on the same address.
 *
 * @throws {ConfigurationError} that names both variables
 */
export function requireDistinctPorts(one: OwnPorts, other: OwnPorts): void {
  const shared = one.ports.find((port) => other.ports.includes(port));
  if (shared === undefined || !(covers(one.host, other.host) || covers(other.host, one.host))) return;
  const { variable } = other;
  throw new ConfigurationError(
    `${variable}: ${shared} is the port of ${one.name} (${one.variable}); set ${variable} to another number.`,
  );
}

/** Whether who listens on one host takes the ports of another one. */
function covers(host: string, other: string): boolean {
  return host === other || host === '::' || (host === '0.0.0.0' && !isIPv6(other));
}
