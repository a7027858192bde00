import { lookup, Resolver, type LookupAddress } from 'node:dns';
import { readFile } from 'node:fs/promises';

/** Finds the addresses of a host. */
export type Resolve = (host: string) => Promise<LookupAddress[]>;

/** So long an answer is used again, and the network's settings as they were read. */
const freshMs = 5000;
const settingsMs = 30_000;
/** A name server has this time, twice. */
const queryTimeoutMs = 2500;
/** When there are addresses of one family, those of the other may come so much later. */
const otherFamilyMs = 100;
const maxKnown = 10_000;

/**
 * Looks names up over DNS itself. The system's own look-up takes one of a few threads for as long as a name server lets
 * it wait, so that some names with slow servers would stall the deliveries to all others. It is asked for what only it
 * knows: names without a dot, names in the hosts file, and what DNS does not know, as the search list may.
 */
export function createResolve(): Resolve {
  const known = new Map<string, { addresses: Promise<LookupAddress[]>; until: number }>();
  let resolver = new Resolver();
  let hosts = new Set<string>();
  let reading = Promise.resolve();
  let readAt = -Infinity;

  async function readSettings(): Promise<void> {
    resolver = new Resolver({ timeout: queryTimeoutMs, tries: 2 });
    // What cannot be read now, as without descriptors, is as it was.
    const text = await readFile('/etc/hosts', 'utf8').catch(() => undefined);
    if (text !== undefined) hosts = new Set(text.replace(/#.*/g, '').toLowerCase().split(/\s+/));
  }

  async function find(host: string): Promise<LookupAddress[]> {
    if (performance.now() - readAt > settingsMs) {
      readAt = performance.now();
      reading = readSettings();
    }
    // Whoever comes meanwhile waits, too: without the hosts file a name in it would be looked for elsewhere.
    await reading;
    const name = host.replace(/\.$/, '').toLowerCase();
    if (!name.includes('.') || hosts.has(name)) return askSystem(host);
    const { addresses, code } = await askDns(resolver, name);
    if (addresses.length > 0) return addresses;
    if (code === 'ETIMEOUT') throw unresolved(`the name server did not answer for ${name}`);
    if (code === 'ESERVFAIL') throw unresolved(`the name server failed for ${name}`);
    return askSystem(host);
  }

  return (host) => {
    const now = performance.now();
    const entry = known.get(host);
    if (entry && entry.until > now) return entry.addresses;
    if (known.size >= maxKnown) known.clear();
    // Until there is an answer, whoever asks waits for the same one.
    const asked = { addresses: find(host), until: Infinity };
    known.set(host, asked);
    asked.addresses.then(
      () => (asked.until = performance.now() + freshMs),
      () => known.delete(host),
    );
    return asked.addresses;
  };
}

function unresolved(reason: string): Error {
  return Object.assign(new Error(reason), { code: 'EAI_AGAIN' });
}

function askSystem(host: string): Promise<LookupAddress[]> {
  return new Promise((resolve, reject) => {
    lookup(host, { all: true }, (error, addresses) => {
      if (error) reject(error);
      else resolve(addresses);
    });
  });
}

/** The addresses of both families, those of IPv4 first, as not every network speaks IPv6; or why there are none. */
function askDns(resolver: Resolver, name: string): Promise<{ addresses: LookupAddress[]; code?: string | undefined }> {
  return new Promise((resolve) => {
    const found: Record<4 | 6, LookupAddress[] | undefined> = { 4: undefined, 6: undefined };
    let code: string | undefined;
    const finish = () => {
      clearTimeout(timer);
      resolve({ addresses: [...(found[4] ?? []), ...(found[6] ?? [])], code });
    };
    let timer: NodeJS.Timeout | undefined;
    const receive = (family: 4 | 6) => (error: NodeJS.ErrnoException | null, addresses: string[]) => {
      // That one family is not there says nothing; that its server is slow or broken does.
      if (error && (code === undefined || error.code === 'ETIMEOUT' || error.code === 'ESERVFAIL')) code = error.code;
      found[family] = error ? [] : addresses.map((address) => ({ address, family }));
      if (found[4] && found[6]) finish();
      else if (found[family].length > 0) timer = setTimeout(finish, otherFamilyMs);
    };
    resolver.resolve4(name, receive(4));
    resolver.resolve6(name, receive(6));
  });
}
