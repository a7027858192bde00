import { lookup, Resolver, type LookupAddress } from 'node:dns';
import { isIP } from 'node:net';
import { createSettingsReader, systemFiles, type NameFiles, type NameSettings } from './name-settings.ts';
import { toTransportError, TransportError } from './transport-error.ts';

/** Finds the addresses of a host, at least one. Rejects with a `TransportError`. */
export type Resolve = (host: string) => Promise<LookupAddress[]>;

export interface ResolveOptions {
  files?: NameFiles;
  /** Asks the name servers of resolv.conf, as they are when it is created. */
  createResolver?: () => Resolver;
  /** How long the result of a lookup is reused. */
  freshMs?: number;
  /** How often the files may be looked at. */
  checkMs?: number;
}

/** A name server has this time at first, and more the second time. */
const queryTimeoutMs = 1500;
/** When there are addresses of one family, those of the other may come so much later. */
const otherFamilyMs = 100;
const maxKnown = 10_000;
/** Addresses of each family that are used of a name: a response over TCP may have thousands, and is kept for a while. */
const maxOfFamily = 32;

/**
 * Looks names up as the programs beside it do (hosts file, search list and `ndots` of resolv.conf, order of
 * nsswitch.conf), but over DNS itself. The system's own lookup takes one of a few threads for as long as a name server
 * lets it wait, so that some names with slow servers would stall the deliveries to all others. It is asked only for the
 * sources that it alone knows, such as multicast DNS. See decision 0012.
 */
export function createResolve(options: ResolveOptions = {}): Resolve {
  const { files = systemFiles, freshMs = 5000, checkMs = 1000 } = options;
  const createResolver = options.createResolver ?? (() => new Resolver({ timeout: queryTimeoutMs, tries: 2 }));
  const reader = createSettingsReader(files, checkMs);
  const known = new Map<string, { addresses: Promise<LookupAddress[]>; until: number; settings: NameSettings }>();
  let resolver: { settings: NameSettings; dns: Resolver } | undefined;

  async function find(host: string, settings: NameSettings): Promise<LookupAddress[]> {
    const name = host.toLowerCase().replace(/\.$/, '');
    // Old spellings of IPv4 addresses, such as 0x7f.1, are what a URL parser makes of them.
    if (/(^|\.)(0x[0-9a-f]*|\d+)$/.test(name)) return [parseNumericHost(name)];
    if (resolver?.settings !== settings) resolver = { settings, dns: createResolver() };
    const { dns } = resolver;
    let failure: TransportError | undefined;
    for (const { name: source, isLast } of settings.sources) {
      if (source === 'files') {
        const addresses = settings.hosts.get(name) ?? findLoopback(name);
        if (addresses) return addresses;
      } else if (source === 'dns' || source === 'resolve') {
        const result = failure ?? (await askCandidates(dns, listCandidates(host, settings)));
        if (Array.isArray(result)) return result;
        failure = result;
      } else if (mayKnow(source, name)) return askSystem(host);
      else continue;
      if (isLast && !failure) break;
    }
    throw failure ?? new TransportError('dns', `unable to resolve host: ${name} is not known`, 'ENOTFOUND');
  }

  return async (host) => {
    const settings = await reader.read().catch((error: unknown) => {
      throw toTransportError('dns', error);
    });
    const now = performance.now();
    const entry = known.get(host);
    if (entry && entry.until > now && entry.settings === settings) return entry.addresses;
    if (known.size >= maxKnown) known.clear();
    // Concurrent lookups of one name wait for the same result.
    const asked = { addresses: find(host, settings).then(cutAddresses), until: Infinity, settings };
    known.set(host, asked);
    const forget = () => {
      if (known.get(host) === asked) known.delete(host);
    };
    asked.addresses.then(() => {
      asked.until = performance.now() + freshMs;
      setTimeout(forget, freshMs).unref();
    }, forget);
    return asked.addresses;
  };
}

/** The first addresses of each family, in their order. */
function cutAddresses(addresses: LookupAddress[]): LookupAddress[] {
  const left: Record<number, number> = { 4: maxOfFamily, 6: maxOfFamily };
  return addresses.filter(({ family }) => {
    const isKept = (left[family] ?? 0) > 0;
    if (isKept) left[family] = (left[family] ?? 0) - 1;
    return isKept;
  });
}

/**
 * The names to ask for, in the order of resolv.conf(5): a name with fewer dots than `ndots` goes through the search list
 * before it is tried as it is, any other one after that; one that ends in a dot is complete.
 */
export function listCandidates(host: string, { search, ndots }: Pick<NameSettings, 'search' | 'ndots'>): string[] {
  const name = host.toLowerCase().replace(/\.$/, '');
  if (host.endsWith('.')) return [name];
  const completed = search.map((domain) => (domain === '' ? name : `${name}.${domain}`));
  const dots = name.split('.').length - 1;
  return [...new Set(dots >= ndots ? [name, ...completed] : [...completed, name])];
}

/** The addresses of the first candidate that has any; else the error, or `undefined` if no source knows the name. */
async function askCandidates(
  dns: Resolver,
  candidates: readonly string[],
): Promise<LookupAddress[] | TransportError | undefined> {
  let failure: TransportError | undefined;
  for (const name of candidates) {
    const { addresses, code } = await askDns(dns, name);
    if (addresses.length > 0) return addresses;
    const reason = failures[code ?? ''];
    if (reason) failure ??= new TransportError('dns', `unable to resolve host: ${reason} for ${name}`, 'EAI_AGAIN');
  }
  return failure;
}

/** Errors that say nothing about the name: it may exist. */
const failures: Record<string, string> = {
  ETIMEOUT: 'the name server did not answer',
  ESERVFAIL: 'the name server failed',
  ECONNREFUSED: 'the name server cannot be reached',
  EREFUSED: 'the name server refused to answer',
};

/** The addresses of both families, those of IPv4 first, as not every network speaks IPv6; or why there are none. */
function askDns(dns: Resolver, name: string): Promise<{ addresses: LookupAddress[]; code?: string | undefined }> {
  return new Promise((resolve) => {
    const found: Record<4 | 6, LookupAddress[] | undefined> = { 4: undefined, 6: undefined };
    let code: string | undefined;
    let timer: NodeJS.Timeout | undefined;
    const finish = () => {
      clearTimeout(timer);
      resolve({ addresses: [...(found[4] ?? []), ...(found[6] ?? [])], code });
    };
    const receive = (family: 4 | 6) => (error: NodeJS.ErrnoException | null, addresses: string[]) => {
      // That one family is not there says nothing; that its server is slow or broken does.
      if (error && (code === undefined || (error.code ?? '') in failures)) code = error.code;
      found[family] = error ? [] : addresses.map((address) => ({ address, family }));
      if (found[4] && found[6]) finish();
      else if (found[family].length > 0) timer = setTimeout(finish, otherFamilyMs);
    };
    dns.resolve4(name, receive(4));
    dns.resolve6(name, receive(6));
  });
}

/** Whether a source that only the system can ask may know this name. */
function mayKnow(source: string, name: string): boolean {
  if (source.startsWith('mdns')) return name.endsWith('.local');
  // This machine's own names: localhost is known already, the others have no dot or begin with an underscore.
  if (source === 'myhostname' || source === 'mymachines' || source === 'wins') return !name.includes('.');
  return true;
}

/** Names of this machine, also without a line in the hosts file (RFC 6761 section 6.3). */
function findLoopback(name: string): LookupAddress[] | undefined {
  if (name !== 'localhost' && !name.endsWith('.localhost')) return undefined;
  return [
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ];
}

function parseNumericHost(name: string): LookupAddress {
  const address = URL.canParse(`http://${name}`) ? new URL(`http://${name}`).hostname : '';
  if (isIP(address) === 0) throw new TransportError('dns', `unable to resolve host: ${name} is no address`);
  return { address, family: 4 };
}

function askSystem(host: string): Promise<LookupAddress[]> {
  return new Promise((resolve, reject) => {
    lookup(host, { all: true }, (error, addresses) => {
      if (error) reject(new TransportError('dns', `unable to resolve host: ${error.message}`, error.code));
      else resolve(addresses);
    });
  });
}
