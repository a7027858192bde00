import { networkInterfaces } from 'node:os';
import { DestinationError, remember } from '@posthorn/shared';
import ipaddr from 'ipaddr.js';
import { ConfigurationError } from '@posthorn/process';

export interface GuardOptions {
  allowPrivate: boolean;
  /** Addresses, CIDR ranges, host names, or one of them with a port. */
  allow: readonly string[];
  /** The same form; wins. */
  deny: readonly string[];
  /** Where posthorn's own Redis and processes listen at this moment. */
  own?: () => readonly OwnEndpoint[];
}

/** An address of posthorn itself; one of this machine stands for all of them. */
export interface OwnEndpoint {
  address: string;
  port: number;
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
/** The well-known prefix of NAT64 (RFC 6052). */
const nat64 = ipaddr.parseCIDR('64:ff9b::/96');
/** What has been given out for public use of IPv6 (RFC 4291 section 2.4): everything else is not routed, or is no host. */
const globalUnicast = ipaddr.parseCIDR('2000::/3');
const privateRanges = new Set(['loopback', 'private', 'carrierGradeNat', 'uniqueLocal']);

export function createDestinationGuard({ allowPrivate, allow, deny, own }: GuardOptions): DestinationGuard {
  const allowed = allow.map((text) => parseRule(text, 'DESTINATION_ALLOW'));
  const denied = deny.map((text) => parseRule(text, 'DESTINATION_DENY'));
  const isOfThisMachine = createMachineCheck();

  const checkAddress: DestinationGuard['checkAddress'] = (text, host, port) => {
    const address = parseAddress(text);
    if (!address) return `endpoint resolves to an invalid address: ${text}`;
    const name = normalizeHost(host);
    if (denied.some((rule) => matches(rule, address, name, port))) {
      return `endpoint resolves to a denied address: ${text} (see DESTINATION_DENY)`;
    }
    if (own && isOwn(own(), address, port, isOfThisMachine)) {
      const isNamed = (rule: Rule) =>
        rule.port !== undefined && isSingle(rule.range) && matches(rule, address, '', port);
      if (allowed.some(isNamed)) return undefined;
      return `endpoint resolves to an address of posthorn itself: ${text} (to allow it, list it with its port in DESTINATION_ALLOW)`;
    }
    const isMetadata = metadata.some((range) => contains(range, address));
    const range = classifyRange(address);
    const isPrivate = privateRanges.has(range) && !isMetadata;
    if (range === 'unicast' && !isMetadata) return undefined;
    // A broad range that happens to hold a metadata address was not meant for it, nor was a name that leads there.
    const isListed = (rule: Rule) =>
      isPrivate || (rule.range === undefined ? !isMetadata : isWithinMetadata(rule.range));
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
    const host = normalizeHost(hostname);
    if (host === 'localhost' || host.endsWith('.localhost')) return checkAddress('::1', host, portNumber);
    if (denied.some((rule) => rule.host === host && (rule.port ?? portNumber) === portNumber)) {
      return `endpoint is a denied host: ${host} (see DESTINATION_DENY)`;
    }
    return ipaddr.isValid(host) ? checkAddress(host, host, portNumber) : undefined;
  };

  const checkOrigin = remember((origin) => checkHost(new URL(origin)));
  return { checkAddress, checkUrl: remember((text) => checkOrigin(new URL(text).origin)) };
}

/** @throws {DestinationError} for a URL whose host is an address that may not be reached */
export function refuseForbidden(guard: DestinationGuard, url: string, what: string): void {
  const reason = guard.checkUrl(url);
  if (reason) throw new DestinationError(`invalid ${what} url: ${reason}`);
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

/** The library's name of the range; `reserved` for unassigned IPv6 addresses, which the library calls unicast. */
function classifyRange(address: Address): string {
  const range = address.range();
  const isUnassigned = range === 'unicast' && address.kind() === 'ipv6' && !contains(globalUnicast, address);
  return isUnassigned ? 'reserved' : range;
}

/** The address that is checked: of an IPv6 address that contains an IPv4 address, the latter. */
function parseAddress(text: string): Address | undefined {
  const bare = text.replace(/%.*$/, '');
  if (!ipaddr.isValid(bare)) return undefined;
  const address = ipaddr.parse(bare);
  if (address instanceof ipaddr.IPv4) return address;
  if (address.isIPv4MappedAddress()) return address.toIPv4Address();
  const bytes = address.toByteArray();
  const range = address.range();
  // NAT64 carries the IPv4 address in its last four bytes, 6to4 right behind its prefix. A local NAT64 prefix may carry
  // it elsewhere and is reserved as a whole.
  if (range === 'rfc6052' && contains(nat64, address)) return new ipaddr.IPv4(bytes.slice(12));
  if (range === '6to4') return new ipaddr.IPv4(bytes.slice(2, 6));
  return address;
}

/** A host as names are compared: in lower case, without the brackets of IPv6 and the dot of the root. */
function normalizeHost(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '');
}

/** A process that listens on one address of this machine may well do so on all of them. */
function isOwn(
  endpoints: readonly OwnEndpoint[],
  address: Address,
  port: number,
  isOfThisMachine: (address: Address) => boolean,
): boolean {
  return endpoints.some((endpoint) => {
    if (endpoint.port !== port) return false;
    const ownAddress = parseAddress(endpoint.address);
    if (!ownAddress) return false;
    return ownAddress.toString() === address.toString() || (isOfThisMachine(ownAddress) && isOfThisMachine(address));
  });
}

/** Asking the system takes longer than all else that is checked, and a name may lead to many addresses. */
const interfacesMs = 1000;

/** Creates a function that says whether an address is one of this machine, as of a second ago at most. */
function createMachineCheck(): (address: Address) => boolean {
  let known = new Set<string | undefined>();
  let readAt = -Infinity;
  return (address) => {
    if (['loopback', 'unspecified'].includes(address.range())) return true;
    if (performance.now() - readAt >= interfacesMs) {
      readAt = performance.now();
      const addresses = Object.values(networkInterfaces()).flatMap((ofOne) => ofOne ?? []);
      known = new Set(addresses.map((each) => parseAddress(each.address)?.toString()));
    }
    return known.has(address.toString());
  };
}

function parseRule(text: string, variable: string): Rule {
  const withPort = /^(\[[^\]]+\]|[^:[\]]+):(\d{1,5})$/.exec(text);
  const host = (withPort?.[1] ?? text).replace(/^\[|\]$/g, '').toLowerCase();
  const port = withPort ? Number(withPort[2]) : undefined;
  if (ipaddr.isValidCIDR(host)) return { range: unwrapRange(ipaddr.parseCIDR(host)), port };
  if (ipaddr.IPv4.isValidFourPartDecimal(host) || ipaddr.IPv6.isValid(host)) {
    const address = ipaddr.parse(host);
    return { range: unwrapRange([address, address.kind() === 'ipv4' ? 32 : 128]), port };
  }
  if (/^(?=.{1,253}$)[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/.test(host) && !/^[\d.]+$/.test(host)) return { host, port };
  throw new ConfigurationError(
    `Wrong environment: ${variable}: '${text}' is no address, CIDR range or host name (with or without :port).`,
  );
}

/** Addresses are judged by the IPv4 address inside, and so must the ranges be that they are compared with. */
function unwrapRange([network, bits]: Range): Range {
  const isMapped = network instanceof ipaddr.IPv6 && network.isIPv4MappedAddress() && bits >= 96;
  return isMapped ? [network.toIPv4Address(), bits - 96] : [network, bits];
}

function matches(rule: Rule, address: Address, host: string, port: number): boolean {
  if (rule.port !== undefined && rule.port !== port) return false;
  return rule.range ? contains(rule.range, address) : rule.host === host;
}

function contains([network, bits]: Range, address: Address): boolean {
  return network.kind() === address.kind() && address.match(network, bits);
}

function isSingle(range: Range | undefined): boolean {
  return range?.[1] === (range?.[0].kind() === 'ipv4' ? 32 : 128);
}

function isWithinMetadata(range: Range): boolean {
  const [network, bits] = range;
  return isSingle(range) || metadata.some((known) => bits >= known[1] && contains(known, network));
}
