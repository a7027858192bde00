import ipaddr from 'ipaddr.js';
import { ConfigurationError } from '../process/env.ts';

export interface GuardOptions {
  allowPrivate: boolean;
  /** Addresses, CIDR ranges, host names, or one of them with a port. */
  allow: readonly string[];
  /** The same form; wins. */
  deny: readonly string[];
}

/** Decides which addresses a delivery may reach. One guard for every path that leads to a socket. */
export interface DestinationGuard {
  /** Why this URL is refused already at publish: its host is an address that may not be reached. Names pass here. */
  checkUrl(url: string): string | undefined;
  /** Why no connection may be made to this address, which `host` led to. Every connection is asked. */
  checkAddress(address: string, host: string, port: number): string | undefined;
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Range = [Address, number];
interface Rule {
  host?: string;
  range?: Range;
  port: number | undefined;
}

/** Never to be reached unless listed: metadata services, link-local, and what is no address of a host. */
const metadata = [
  '169.254.0.0/16',
  '168.63.129.16/32',
  '100.100.100.200/32',
  'fe80::/10',
  'fd00:ec2::254/128',
  'fd20:ce::254/128',
].map((text) => ipaddr.parseCIDR(text));
/** Reserved, but unicast to the library: IPv4 addresses in an old disguise, and a discard range. */
const alsoReserved = ['::/96', '100:0:0:1::/64'].map((text) => ipaddr.parseCIDR(text));
const privateRanges = new Set(['loopback', 'private', 'carrierGradeNat', 'uniqueLocal']);

export function createDestinationGuard({ allowPrivate, allow, deny }: GuardOptions): DestinationGuard {
  const allowed = allow.map((text) => readRule(text, 'DESTINATION_ALLOW'));
  const denied = deny.map((text) => readRule(text, 'DESTINATION_DENY'));

  const checkAddress: DestinationGuard['checkAddress'] = (text, host, port) => {
    const address = readAddress(text);
    if (!address) return `endpoint resolves to an invalid address: ${text}`;
    const name = host
      .toLowerCase()
      .replace(/^\[|\]$/g, '')
      .replace(/\.$/, '');
    if (denied.some((rule) => matches(rule, address, name, port))) {
      return `endpoint resolves to a denied address: ${text} (see DESTINATION_DENY)`;
    }
    const isMetadata = metadata.some((range) => contains(range, address));
    const range = readRange(address);
    const isPrivate = privateRanges.has(range) && !isMetadata;
    if (range === 'unicast' && !isMetadata) return undefined;
    // A broad range that happens to hold a metadata address was not meant for it.
    const isListed = (rule: Rule) => isPrivate || rule.range === undefined || isWithinMetadata(rule.range);
    if (allowed.some((rule) => isListed(rule) && matches(rule, address, name, port))) return undefined;
    if (isPrivate && allowPrivate) return undefined;
    const kind = isMetadata ? 'link-local or metadata' : (kinds[range] ?? 'reserved');
    const advice = isPrivate
      ? 'set ALLOW_PRIVATE_DESTINATIONS=true or list it in DESTINATION_ALLOW'
      : 'list it in DESTINATION_ALLOW';
    return `endpoint resolves to a ${kind} address: ${text} (to allow it, ${advice})`;
  };

  const checkHost = ({ hostname, port, protocol }: URL) => {
    const portNumber = Number(port || (protocol === 'https:' ? 443 : 80));
    const host = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
    if (host === 'localhost' || host.endsWith('.localhost')) return checkAddress('::1', host, portNumber);
    return ipaddr.isValid(host) ? checkAddress(host, host, portNumber) : undefined;
  };

  // Most traffic goes to a few hosts, and what is said of one does not change.
  const known = new Map<string, string | undefined>();
  return {
    checkAddress,
    checkUrl(text) {
      const url = new URL(text);
      if (known.has(url.origin)) return known.get(url.origin);
      if (known.size >= 1000) known.clear();
      const reason = checkHost(url);
      known.set(url.origin, reason);
      return reason;
    },
  };
}

const kinds: Record<string, string> = {
  loopback: 'loopback',
  private: 'private',
  uniqueLocal: 'private',
  carrierGradeNat: 'private',
  linkLocal: 'link-local',
  unspecified: 'unspecified',
  multicast: 'multicast',
  broadcast: 'broadcast',
};

/** The library's name of the range. `::1` and `::` lie in a reserved range too, and have names of their own. */
function readRange(address: Address): string {
  const range = address.range();
  return range === 'unicast' && alsoReserved.some((reserved) => contains(reserved, address)) ? 'reserved' : range;
}

/** The address that is really meant: an IPv4 address inside an IPv6 one is judged itself. */
function readAddress(text: string): Address | undefined {
  const bare = text.replace(/%.*$/, '');
  if (!ipaddr.isValid(bare)) return undefined;
  const address = ipaddr.parse(bare);
  if (address instanceof ipaddr.IPv4) return address;
  if (address.isIPv4MappedAddress()) return address.toIPv4Address();
  const bytes = address.toByteArray();
  const range = address.range();
  // NAT64 carries the IPv4 address in its last four bytes, 6to4 right behind its prefix.
  if (range === 'rfc6052') return new ipaddr.IPv4(bytes.slice(12));
  if (range === '6to4') return new ipaddr.IPv4(bytes.slice(2, 6));
  return address;
}

function readRule(text: string, variable: string): Rule {
  const withPort = /^(\[[^\]]+\]|[^:[\]]+):(\d{1,5})$/.exec(text);
  const host = (withPort?.[1] ?? text).replace(/^\[|\]$/g, '').toLowerCase();
  const port = withPort ? Number(withPort[2]) : undefined;
  if (ipaddr.isValidCIDR(host)) return { range: ipaddr.parseCIDR(host), port };
  if (ipaddr.IPv4.isValidFourPartDecimal(host) || ipaddr.IPv6.isValid(host)) {
    const address = ipaddr.parse(host);
    return { range: [address, address.kind() === 'ipv4' ? 32 : 128], port };
  }
  if (/^(?=.{1,253}$)[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/.test(host) && !/^[\d.]+$/.test(host)) return { host, port };
  throw new ConfigurationError(
    `Wrong environment: ${variable}: '${text}' is no address, CIDR range or host name (with or without :port).`,
  );
}

function matches(rule: Rule, address: Address, host: string, port: number): boolean {
  if (rule.port !== undefined && rule.port !== port) return false;
  return rule.range ? contains(rule.range, address) : rule.host === host;
}

function contains([network, bits]: Range, address: Address): boolean {
  return network.kind() === address.kind() && address.match(network, bits);
}

function isWithinMetadata([network, bits]: Range): boolean {
  const isSingle = bits === (network.kind() === 'ipv4' ? 32 : 128);
  return isSingle || metadata.some((range) => bits >= range[1] && contains(range, network));
}
