import { tokenParameter } from './names.ts';

export type Destination = { kind: 'url'; url: string } | { kind: 'urlGroup'; name: string };

/** A destination or another URL that cannot be used. The texts are known to clients (http-api.md section 1.4). */
export class DestinationError extends Error {
  override name = 'DestinationError';
}

export const invalidSchemeText = 'invalid destination url: endpoint has invalid scheme, add http:// or https://';

const maxUrlBytes = 8192;
const namePattern = /^[A-Za-z0-9._-]{1,256}$/;

/**
 * Reads the destination of a publish from the undecoded request target after the prefix, its query included
 * (contract, http-api.md section 2.2). The URL is kept byte for byte; the token and the configuration are taken out of
 * its query.
 *
 * @throws {DestinationError}
 */
export function readDestination(rawTarget: string): { destination: Destination; configuration: [string, string][] } {
  const mark = rawTarget.indexOf('?');
  const path = mark < 0 ? rawTarget : rawTarget.slice(0, mark);
  const { kept, configuration } = readQuery(mark < 0 ? '' : rawTarget.slice(mark + 1));

  const text = readUrlText(path);
  if (text === undefined) {
    if (!namePattern.test(path)) throw new DestinationError(invalidSchemeText);
    return { destination: { kind: 'urlGroup', name: path }, configuration };
  }
  const url = kept === '' ? text : `${text}${text.includes('?') ? '&' : '?'}${kept}`;
  checkUrl(url, 'destination');
  return { destination: { kind: 'url', url }, configuration };
}

/**
 * Checks that a text is an absolute http(s) URL that can be delivered to exactly as it is written.
 *
 * @throws {DestinationError}
 */
export function checkUrl(url: string, what: 'destination' | 'callback' | 'failure callback'): void {
  const refuse = (reason: string) => new DestinationError(`invalid ${what} url: ${reason}`);
  if (!/^https?:\/\//i.test(url)) throw refuse('endpoint has invalid scheme, add http:// or https://');
  if (url.length > maxUrlBytes) throw refuse(`use at most ${maxUrlBytes} bytes`);
  if (!/^[\x21-\x7e]*$/.test(url)) throw refuse('blanks, control characters and non-ASCII characters must be percent-encoded');
  // Clients disagree about these three, and where they disagree an address check can be led astray.
  if (/[\\#]/.test(url)) throw refuse(String.raw`'\' and '#' must be percent-encoded`);
  if (/^https?:\/\/([/?]|$)/i.test(url)) throw refuse('the host is missing');
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw refuse('the host or the port is not valid');
  }
  if (parsed.hostname === '') throw refuse('the host is missing');
  if (parsed.port === '0') throw refuse('the port must be between 1 and 65535');
}

/** The URL that a path part stands for; `undefined` if it is none. */
function readUrlText(path: string): string | undefined {
  if (/^https?:\/\//i.test(path)) return path;
  // A proxy on the way may have merged the slashes.
  if (/^https?:\/[^/]/i.test(path)) return path.replace('/', '//');
  if (/^https?%3a/i.test(path)) {
    try {
      return decodeURIComponent(path);
    } catch {
      throw new DestinationError('invalid destination url: the percent-encoding is not valid');
    }
  }
  return undefined;
}

function readQuery(query: string): { kept: string; configuration: [string, string][] } {
  const lower = query.toLowerCase();
  if (!lower.includes('upstash-') && !lower.includes(tokenParameter)) return { kept: query, configuration: [] };
  const configuration: [string, string][] = [];
  const kept = query.split('&').filter((parameter) => {
    const equals = parameter.indexOf('=');
    const name = (equals < 0 ? parameter : parameter.slice(0, equals)).toLowerCase();
    if (name === tokenParameter) return false;
    if (!name.startsWith('upstash-')) return true;
    configuration.push([name, decodeParameter(equals < 0 ? '' : parameter.slice(equals + 1))]);
    return false;
  });
  return { kept: kept.join('&'), configuration };
}

function decodeParameter(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}
