import { isIP, SocketAddress } from 'node:net';
import type { Request } from 'express';

/**
 * Where a request came from: the address of the peer, or the one that trusted proxies name in `X-Forwarded-For`. It is an
 * address without a port; where a proxy names something else, the last known address counts.
 */
export function readCallerIp(request: Request): string {
  const isTrusted = request.app.get('trust proxy fn') as (address: string, hops: number) => boolean;
  let address = parseAddress(request.socket.remoteAddress ?? '') ?? '';
  const forwarded = request.get('x-forwarded-for')?.split(',') ?? [];
  for (let hops = 0; hops < forwarded.length && isTrusted(address, hops); hops++) {
    const next = parseAddress(forwarded.at(-1 - hops)?.trim() ?? '');
    if (next === undefined) break;
    address = next;
  }
  return address;
}

/**
 * `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` and `[2001:db8::1]:80` as an address in its shortest form;
 * `undefined` for any other text. IPv4 addresses on a socket that speaks both come in the form of IPv6.
 */
export function parseAddress(text: string): string | undefined {
  const [, bracketed, withPort] = /^(?:\[([^\]]*)\](?::\d{1,5})?|([\d.]+):\d{1,5})$/.exec(text) ?? [];
  const address = (bracketed ?? withPort ?? text).replace(/%.*$/, '');
  const version = isIP(address);
  if (version === 0 || (bracketed !== undefined && version === 4)) return undefined;
  if (version === 4) return address;
  return new SocketAddress({ address, family: 'ipv6' }).address.replace(/^::ffff:(?=\d+\.)/, '');
}
