import { isIP } from 'node:net';

/** Where a connection leads. Two URLs with equal origins may share one. */
export interface Origin {
  /** Scheme and authority. */
  key: string;
  isTls: boolean;
  /** A name in ASCII, or an address without brackets. */
  hostname: string;
  /** Whether it is an address, so that there is nothing to look up. */
  isAddress: boolean;
  port: number;
  /** Value of the `Host` header. */
  host: string;
}

/** The parts of a URL, as a request needs them. */
export interface Target {
  origin: Origin;
  /** Path and query exactly as the URL has them: its text is what was signed. */
  path: string;
  /** Name and password, encoded as in the URL. */
  userinfo: string | undefined;
}

/** Most traffic goes to a few origins, and parsing a URL costs more than looking one up. */
const known = new Map<string, Origin>();
const maxKnown = 1000;

/** @throws {TypeError} for a text that is no URL of http or https */
export function parseTarget(url: string): Target {
  const match = /^(https?:\/\/)(?:([^/?@]*)@)?([^/?]*)(.*)$/is.exec(url);
  if (!match) throw new TypeError('the URL is not one of http or https');
  const [, scheme = '', userinfo, authority = '', rest = ''] = match;
  return {
    origin: findOrigin(scheme.toLowerCase() + authority),
    path: rest.startsWith('/') ? rest : `/${rest}`,
    userinfo,
  };
}

function findOrigin(key: string): Origin {
  const origin = known.get(key);
  if (origin) return origin;
  const { hostname, port, host, protocol } = new URL(key);
  const isTls = protocol === 'https:';
  const bare = hostname.replace(/^\[|\]$/g, '');
  const created = {
    key,
    isTls,
    hostname: bare,
    isAddress: isIP(bare) > 0,
    port: Number(port || (isTls ? 443 : 80)),
    host,
  };
  if (known.size >= maxKnown) known.clear();
  known.set(key, created);
  return created;
}
