import { networkInterfaces } from 'node:os';

/** Whether a URL names this machine: a loopback address, or one of its own addresses. */
export function isThisMachine(url: string): boolean {
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) return false;
  const { hostname } = new URL(url);
  if (hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname)) return true;
  const address = hostname.replace(/^\[|\]$/g, '');
  return Object.values(networkInterfaces()).some((list) => list?.some((own) => own.address === address));
}
