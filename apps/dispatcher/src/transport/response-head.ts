import { canonicalName, decodeHeaderText, type DestinationResponse } from '@posthorn/shared';

export interface StatusLine {
  status: number;
  /** HTTP/1.0 or older: connections are closed unless both sides say otherwise. */
  isOldVersion: boolean;
  /** Whether it is written as RFC 9112 section 4 says. */
  isRegular: boolean;
}

/** @returns `undefined` for a line that is no status line of HTTP */
export function parseStatusLine(line: string): StatusLine | undefined {
  const match = /^HTTP\/(\d)(?:\.(\d))?[ \t]+([1-9]\d\d)(?!\d)/i.exec(line);
  if (!match) return undefined;
  const [, major = '', minor = '', status] = match;
  return {
    status: Number(status),
    isOldVersion: major === '0' || (major === '1' && minor === '0'),
    isRegular: /^HTTP\/1\.[01] \d\d\d(?: |$)/.test(line) && !controls.test(line),
  };
}

/** How a body is delimited: by its length in bytes, by chunks, or by the end of the connection. */
export type BodyFraming = number | 'chunked' | 'to close';

export interface Framing {
  /** `none`: no body follows, or none whose end could be found. `conflict`: two lengths, of which one is wrong. */
  body: BodyFraming | 'none' | 'conflict';
  /** Whether there is only one way to read the headers. */
  isRegular: boolean;
  /** How long the connection may be kept for the next request, in milliseconds; 0 when it may not. */
  keepAliveMs: number;
}

/** How long a connection is kept when the destination names no limit, and at most. */
const keepAliveMs = 30_000;
const maxKeepAliveMs = 60_000;
/** A destination that names its limit closes the connection then; a request must not meet the end on its way. */
const keepAliveMarginMs = 2000;

/** Control characters that a header must not contain: all but the tab. */
const controls = /[\0-\x08\x0a-\x1f\x7f]/;

/** Finds out from the header lines how the body is delimited, and whether the connection may be used again. */
export function parseFraming(lines: readonly string[], { status, isOldVersion }: StatusLine): Framing {
  let isRegular = true;
  let connection = '';
  let keepAlive = '';
  let length: string | undefined;
  let coding: string | undefined;
  for (const line of lines) {
    const [name, value] = splitLine(line);
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name) || controls.test(value)) isRegular = false;
    switch (name.trimEnd().toLowerCase()) {
      case 'connection':
        connection += `,${value}`;
        break;
      case 'keep-alive':
        keepAlive = value;
        break;
      case 'content-length':
        length = length === undefined ? value : `${length},${value}`;
        break;
      case 'transfer-encoding':
        coding = coding === undefined ? value : `${coding},${value}`;
        break;
    }
  }
  // One plain number; whatever else is a length to some readers is none to others.
  const isPlainLength = length !== undefined && /^[ \t]*\d{1,15}[ \t]*$/.test(length);
  if (length !== undefined && !isPlainLength) isRegular = false;
  const parsedLength = isPlainLength ? Number(length) : parseLength(length ?? '');

  const framing = (body: Framing['body'], isPlain = true): Framing => ({
    body,
    isRegular: isRegular && isPlain && body !== 'to close',
    keepAliveMs: limitKeepAlive(connection, keepAlive, isOldVersion),
  });
  if (status === 204 || status === 304) return framing('none', !parsedLength && coding === undefined);
  if (coding !== undefined) {
    const codings = coding.toLowerCase();
    if (/\bchunked\b/.test(codings)) {
      return framing('chunked', codings.trim() === 'chunked' && length === undefined && !isOldVersion);
    }
    return framing(parsedLength ?? 'to close', false);
  }
  return framing(parsedLength ?? 'to close');
}

/** `undefined` for no length; `none` for one that is no number, so that the end of the body cannot be found. */
function parseLength(text: string): number | 'none' | 'conflict' | undefined {
  const values = text.split(',').map((part) => part.trim());
  // Like curl, this reads the digits and nothing after them.
  const numbers = new Set(values.filter((value) => value !== '').map((value) => parseInt(value, 10)));
  if (numbers.size > 1) return 'conflict';
  const [number] = numbers;
  if (number === undefined) return undefined;
  return number >= 0 ? number : 'none';
}

function limitKeepAlive(connection: string, keepAlive: string, isOldVersion: boolean): number {
  if (/\bclose\b/i.test(connection)) return 0;
  if (isOldVersion && !/\bkeep-alive\b/i.test(connection)) return 0;
  const seconds = /\btimeout\s*=\s*(\d+)/i.exec(keepAlive)?.[1];
  if (seconds === undefined) return keepAliveMs;
  return Math.max(0, Math.min(Number(seconds) * 1000 - keepAliveMarginMs, maxKeepAliveMs));
}

/** The headers as they are shown: canonical names, values as text, and blanks instead of control characters (RFC 9110 section 5.5). */
export function parseHeader(lines: readonly string[]): DestinationResponse['header'] {
  const header = new Map<string, string[]>();
  for (const line of lines) {
    const [rawName, rawValue] = splitLine(line);
    // A line without a colon has no meaning; curl refuses it, browsers skip it.
    if (rawName === '') continue;
    const name = canonicalName(clean(rawName).trim());
    const value = decodeHeaderText(clean(rawValue).trim());
    const values = header.get(name);
    if (values) values.push(value);
    else header.set(name, [value]);
  }
  return Object.fromEntries(header);
}

function splitLine(line: string): [name: string, value: string] {
  const colon = line.indexOf(':');
  return colon < 0 ? ['', line] : [line.slice(0, colon), line.slice(colon + 1)];
}

function clean(text: string): string {
  return controls.test(text) ? text.replace(/[\0-\x08\x0a-\x1f\x7f]/g, ' ') : text;
}
