import type { Server } from 'node:net';
import { ConfigurationError } from './env.ts';

/** Where a server listens, and the variable that sets its port. */
export interface ListenAddress {
  variable: string;
  host: string;
  port: number;
}

/**
 * Makes a server listen. Processes that `startProcesses` has started share the port, unless it is `exclusive`.
 *
 * @param explain the sentence for what went wrong; it names the variable to change
 * @throws {ConfigurationError} with that sentence
 */
export function listen(
  server: Server,
  address: Pick<ListenAddress, 'host' | 'port'> & { exclusive?: boolean },
  explain: (error: NodeJS.ErrnoException) => string,
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(new ConfigurationError(explain(error)));
    });
    server.listen(address, () => {
      resolve();
    });
  });
}

/** Why this process cannot listen at `HOST`, and what to change; `undefined` for an error that is not known. */
export function explainListenError(
  { code = '' }: NodeJS.ErrnoException,
  { variable, host, port }: ListenAddress,
): string | undefined {
  const reasons: Record<string, string> = {
    EADDRINUSE: `${variable}: ${port} on ${host} is in use; stop what uses it or set ${variable} to another number.`,
    EACCES: `${variable}: this user may not listen on ${port}; set ${variable} to a number above 1023.`,
    EADDRNOTAVAIL: `HOST: ${host} is no address of this machine; set HOST to one.`,
    ENOTFOUND: `HOST: ${host} cannot be found; set HOST to an address of this machine.`,
  };
  return reasons[code];
}

/** The sentence for a server beside the main one, such as that of the metrics. */
export function explainSideServerError({ message }: Error, { variable, host, port }: ListenAddress): string {
  return `${variable}: cannot listen on ${host}:${port} (${message}); set it to a free port.`;
}
