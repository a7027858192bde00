import { readFile, stat } from 'node:fs/promises';
import type { LookupAddress } from 'node:dns';
import { isIP } from 'node:net';
import { hostname } from 'node:os';

/** How this machine looks up names: the settings that its other programs use. */
export interface NameSettings {
  /** Addresses by name in lower case, from the hosts file. */
  hosts: ReadonlyMap<string, LookupAddress[]>;
  /** Domains that are tried behind a name (resolv.conf). */
  search: readonly string[];
  /** A name with so many dots is tried as it is before the search list. */
  ndots: number;
  /** Where names are looked for, in this order (nsswitch.conf). */
  sources: readonly Source[];
}

export interface Source {
  /** Such as `files`, `dns`, `mdns4_minimal`. */
  name: string;
  /** Whether a name that this source does not know is not looked for in the ones behind it. */
  isLast: boolean;
}

export interface NameFiles {
  hosts: string;
  resolvConf: string;
  nsswitch: string;
}

export const systemFiles: NameFiles = {
  hosts: '/etc/hosts',
  resolvConf: '/etc/resolv.conf',
  nsswitch: '/etc/nsswitch.conf',
};

/** Linux uses the first two if there is no nsswitch.conf. Other systems have sources that only the system itself can ask. */
const defaultSources: Source[] = ['files', 'dns', ...(process.platform === 'linux' ? [] : ['system'])].map((name) => ({
  name,
  isLast: false,
}));
/** The maximum of glibc. */
const maxNdots = 15;

export interface SettingsReader {
  /** The current settings. A missing file counts as empty. Rejects when a file cannot be read and no settings are known. */
  read(): Promise<NameSettings>;
}

/** Reads the files when they have changed, and looks for a change at most once in `checkMs`. */
export function createSettingsReader(files: NameFiles, checkMs: number): SettingsReader {
  let checkedAt = -Infinity;
  let stamp: string | undefined;
  let known: NameSettings | undefined;
  let settings: Promise<NameSettings>;

  async function refresh(): Promise<NameSettings> {
    const paths = [files.hosts, files.resolvConf, files.nsswitch];
    const stamps = await Promise.all(paths.map(readStamp));
    if (known && stamps.join() === stamp) return known;
    const [hosts = '', resolvConf = '', nsswitch = ''] = await Promise.all(paths.map(readText));
    stamp = stamps.join();
    known = parseSettings(hosts, resolvConf, nsswitch, hostname());
    return known;
  }

  return {
    read() {
      const now = performance.now();
      if (now - checkedAt >= checkMs) {
        checkedAt = now;
        // Every caller waits for it: without the hosts file a name in it would be looked for elsewhere.
        settings = refresh().catch((error: unknown) => {
          // Keep the last settings when a file cannot be read now, for example without descriptors. Without any, a name
          // could resolve to another address than this machine uses.
          if (known) return known;
          checkedAt = -Infinity;
          throw error;
        });
      }
      return settings;
    },
  };
}

async function readStamp(path: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(path);
    return `${mtimeMs}:${size}:${ino}`;
  } catch (error) {
    return missing(error, 'none');
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    return missing(error, '');
  }
}

/** @throws the error, unless the file does not exist or must not be read */
function missing(error: unknown, instead: string): string {
  if (['ENOENT', 'ENOTDIR', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return instead;
  throw error;
}

/** @param hostName of this machine: its domain is the search list of a resolv.conf without one */
export function parseSettings(hosts: string, resolvConf: string, nsswitch: string, hostName = ''): NameSettings {
  return { hosts: parseHosts(hosts), ...parseResolvConf(resolvConf, hostName), sources: parseSources(nsswitch) };
}

function parseHosts(text: string): Map<string, LookupAddress[]> {
  const hosts = new Map<string, LookupAddress[]>();
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    const family = isIP(address.replace(/%.*/, ''));
    if (family === 0) continue;
    for (const name of names) {
      const key = name.toLowerCase().replace(/\.$/, '');
      const known = hosts.get(key) ?? [];
      if (!known.some((entry) => entry.address === address)) hosts.set(key, [...known, { address, family }]);
    }
  }
  return hosts;
}

/** `search` and `ndots`, as resolv.conf(5) describes them: of `search` and `domain` the last line counts. */
function parseResolvConf(text: string, hostName: string): Pick<NameSettings, 'search' | 'ndots'> {
  let search = hostName.includes('.') ? [hostName.slice(hostName.indexOf('.') + 1)] : [];
  let ndots = 1;
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'search') search = values;
    if (keyword === 'domain') search = values.slice(0, 1);
    if (keyword === 'options') {
      for (const value of values) {
        const number = /^ndots:(\d+)$/.exec(value)?.[1];
        if (number !== undefined) ndots = Math.min(Number(number), maxNdots);
      }
    }
  }
  return { search: search.map((domain) => domain.toLowerCase().replace(/\.$/, '')), ndots };
}

/** The sources of the line `hosts:` in their order, and after which of them the search for an unknown name ends. */
function parseSources(text: string): Source[] {
  const line = /^[ \t]*hosts:(.*)$/m.exec(text.replace(/#.*/g, ''))?.[1] ?? '';
  const tokens = line.match(/\[[^\]]*\]|[^\s[]+/g) ?? [];
  const sources: Source[] = [];
  for (const token of tokens) {
    const last = sources.at(-1);
    if (!token.startsWith('[')) sources.push({ name: token.toLowerCase(), isLast: false });
    else if (last && /[[\s](NOTFOUND|!\s*(SUCCESS|UNAVAIL|TRYAGAIN))=return/i.test(token)) last.isLast = true;
  }
  return sources.length > 0 ? sources : defaultSources;
}
