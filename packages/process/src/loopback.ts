import { isIPv4 } from 'node:net';

/** Only names that cannot lead elsewhere count: `127.example.com` is no address of this machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}
