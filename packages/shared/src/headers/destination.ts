import { decodePercent } from './header-text.ts';
import { hasHiddenPassword } from './hide-password.ts';
import { prefix, tokenParameter } from './names.ts';
import { remember } from './remember.ts';

/** Where a message is to go. Whether a group of this name exists is not known here. */
export type Destination = { kind: 'url'; url: string } | { kind: 'urlGroup'; name: string };

/** A destination or another URL that cannot be used. The texts are known to clients (contract E8). */
export class DestinationError extends Error {
  override name = 'DestinationError';
}

const invalidScheme = 'endpoint has invalid scheme, add http:// or https://';
/** The text of the hosted service for a destination that is missing. */
export const emptyDestinationText = 'a non-empty destination must be provided';
export const invalidSchemeText = `invalid destination url: ${invalidScheme}`;

/**
 * Reads the destination of a publish from the undecoded request target after the prefix, its query included
 * (contract P2). The URL is kept byte for byte, but the token and the configuration are taken out of its query. The
 * configuration is returned as headers: names in lower case and values, as byte strings, in turn.
 *
 * @throws {DestinationError}
 */
export function parseDestination(rawTarget: string): { destination: Destination; configuration: string[] } {
  const [path, query] = splitAt(withoutFragment(rawTarget), '?');
  const { kept, configuration } = readQuery(query);
  const urlText = readUrlText(path);
  if (urlText === undefined) {
    if (path === '') throw new DestinationError(emptyDestinationText);
    if (!/^[A-Za-z0-9._-]{1,256}$/.test(path)) throw new DestinationError(invalidSchemeText);
    return { destination: { kind: 'urlGroup', name: path }, configuration };
  }
  // A destination that was encoded as a whole contains its own query.
  const inner = readQuery(splitAt(urlText, '?')[1]);
  const text = inner.isWhole ? urlText : appendQuery(splitAt(urlText, '?')[0], inner.kept);
  return {
    destination: { kind: 'url', url: parseUrl(appendQuery(text, kept), 'destination') },
    configuration: [...configuration, ...inner.configuration],
  };
}

/**
 * The URL that a text stands for, as it is stored, shown, signed and sent. Characters that a request may contain are kept
 * byte for byte: nothing is normalised. Which addresses may be reached is decided elsewhere.
 *
 * @throws {DestinationError} for a text that is not an absolute http(s) URL; its message begins with `invalid`, `what`
 *   and `url:`
 */
export function parseUrl(text: string, what: 'destination' | 'callback' | 'failure callback'): string {
  const url = formatUrl(text);
  const reason = findFault(url);
  if (reason !== undefined) throw new DestinationError(`invalid ${what} url: ${reason}`);
  return url;
}

/**
 * Formats a URL as `parseUrl` does, without checking it: percent-encodes blanks and non-ASCII characters, replaces an
 * international host name by its ASCII form, drops the fragment and blanks at the end. A text that is too long is
 * returned as it is.
 */
export function formatUrl(text: string): string {
  if (text.length > maxUrlBytes) return text;
  const kept = withoutFragment(withoutBlanksAtEnd(text));
  if (/^[\x21-\x7e]*$/.test(kept)) return kept;
  const parts = /^(https?:\/\/)([^/?]*@)?([^/?@]*?)(:\d*)?([/?].*)?$/is.exec(kept);
  if (!parts) return encodeNonAscii(kept);
  const [, scheme = '', userinfo = '', host = '', port = '', rest = ''] = parts;
  return scheme + encodeNonAscii(userinfo) + formatHost(host) + port + encodeNonAscii(rest);
}

/** The ASCII form of a host name; the text itself where there is none. */
function formatHost(host: string): string {
  if (/^[\0-\x7f]*$/.test(host)) return host;
  return parse(`http://${host}/`)?.hostname ?? host;
}

function encodeNonAscii(text: string): string {
  // Half a surrogate pair has no UTF-8; URL parsers replace it, too.
  return text.replace(/[ \u0080-\uffff]+/g, (part) => encodeURIComponent(part.replace(/\p{Cs}/gu, '\ufffd')));
}

function withoutBlanksAtEnd(text: string): string {
  let end = text.length;
  while (text[end - 1] === ' ') end--;
  return text.slice(0, end);
}

function withoutFragment(text: string): string {
  return splitAt(text, '#')[0];
}

const maxUrlBytes = 8192;
const lowerPrefix = prefix.toLowerCase();

const findFault = remember((url: string): string | undefined => {
  if (!/^https?:\/\//i.test(url)) return invalidScheme;
  if (url.length > maxUrlBytes) return `use at most ${maxUrlBytes} bytes`;
  // Some URL parsers remove control characters and read '\' as '/'. The check and the connection could then mean
  // different hosts.
  if (/\p{Cc}/u.test(url)) return 'control characters must be percent-encoded';
  if (url.includes('\\')) return String.raw`'\' must be percent-encoded`;
  const authority = /^\w+:\/\/([^/?]*)/.exec(url)?.[1] ?? '';
  if (authority === '') return 'the host is missing';
  if (/%5c|@.*@/i.test(authority)) return String.raw`there must be no encoded '\' and at most one '@' before the path`;

  if (hasHiddenPassword(url)) return "'***' stands for a password that is not shown; give the password itself";

  const parsed = /^[\x21-\x7e]*$/.test(url) ? parse(url) : undefined;
  if (!parsed) return 'the host or the port is not valid';
  if (parsed.port === '0') return 'the port must be between 1 and 65535';
  // The URL standard leaves the lengths of names to DNS, which would fail each attempt.
  const name = parsed.hostname.replace(/\.$/, '');
  const isName = name.length <= 253 && name.split('.').every((label) => label.length >= 1 && label.length <= 63);
  return isName ? undefined : 'a host name has at most 253 characters, and 1 to 63 between its dots';
});

function parse(url: string): URL | undefined {
  try {
    return new URL(url);
  } catch {
    return undefined;
  }
}

/** The URL that a path part stands for; `undefined` if it is none. */
function readUrlText(path: string): string | undefined {
  if (/^https?:\/\//i.test(path)) return path;
  // A proxy on the way may have merged the slashes.
  if (/^https?:\/[^/]/i.test(path)) return path.replace('/', '//');
  // Some clients encode path parameters as a whole. Decoded once only: what is still encoded then is no URL.
  const decoded = decode(path);
  return decoded !== undefined && /^https?:\/\//i.test(decoded) ? withoutFragment(decoded) : undefined;
}

/**
 * The configuration in a query as headers: names in lower case and values, as byte strings, in turn.
 *
 * @throws {DestinationError} for a value that cannot be decoded
 */
export function parseConfiguration(query: string): string[] {
  return readQuery(query).configuration;
}

/** The decoded token in the query of a request target; `undefined` without one. A destination that is encoded as a whole is not part of it. */
export function parseTokenParameter(target: string): string | undefined {
  const [, query] = splitAt(target, '?');
  if (!query.toLowerCase().includes(tokenParameter)) return undefined;
  for (const parameter of query.split('&')) {
    const [name, value] = splitAt(parameter, '=');
    if (name.toLowerCase() === tokenParameter && value !== '') return decode(value) ?? value;
  }
  return undefined;
}

function appendQuery(url: string, query: string): string {
  return query === '' ? url : `${url}${url.includes('?') ? '&' : '?'}${query}`;
}

/** A query without the token and the configuration; `isWhole` if it has neither. */
function readQuery(query: string): { kept: string; configuration: string[]; isWhole: boolean } {
  const configuration: string[] = [];
  // Most queries are the destination's alone.
  const lower = query.toLowerCase();
  if (!lower.includes(lowerPrefix) && !lower.includes(tokenParameter)) {
    return { kept: query, configuration, isWhole: true };
  }
  const parameters = query.split('&');
  const kept = parameters.filter((parameter) => {
    const [rawName, rawValue] = splitAt(parameter, '=');
    const name = rawName.toLowerCase();
    if (name === tokenParameter) return false;
    if (!name.startsWith(lowerPrefix)) return true;
    const value = decodePercent(rawValue.replaceAll('+', ' '));
    if (value === undefined)
      throw new DestinationError(`invalid destination url: the percent-encoding of ${name} is wrong`);
    configuration.push(name, value);
    return false;
  });
  return { kept: kept.join('&'), configuration, isWhole: kept.length === parameters.length };
}

/** The text before the first mark and the text behind it. */
function splitAt(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
