import type { HeaderMap } from './forward.ts';

// A header value travels as a byte string: one character per byte, as node:http gives and takes it. What a person reads
// or writes is text. These functions are the only bridge between the two, so that a value means the same whether it came
// as a header, in a query, in a batch or in the defaults of a URL group, and reaches the destination as the same bytes.

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of a byte string: UTF-8 where its bytes are valid UTF-8, else Latin-1. */
export function decodeHeaderText(value: string): string {
  if (!/[^\0-\x7f]/.test(value) || /[^\0-\xff]/.test(value)) return value;
  try {
    return utf8.decode(Uint8Array.from(value, (character) => character.charCodeAt(0)));
  } catch {
    return value;
  }
}

/** The byte string that stands for a text: its UTF-8. */
export function encodeHeaderText(text: string): string {
  if (!/[^\0-\x7f]/.test(text)) return text;
  const bytes = new TextEncoder().encode(text);
  let value = '';
  for (const byte of bytes) value += String.fromCharCode(byte);
  return value;
}

/** Headers with their values as text; the same object if nothing had to be decoded. */
export function decodeHeaderMap(header: HeaderMap): HeaderMap {
  if (!Object.values(header).some((values) => values.some((value) => /[^\0-\x7f]/.test(value)))) return header;
  return Object.fromEntries(Object.entries(header).map(([name, values]) => [name, values.map(decodeHeaderText)]));
}

/** The bytes that a percent-encoded text stands for, as a byte string; `undefined` where the encoding is wrong. */
export function decodePercent(text: string): string | undefined {
  const bytes = encodeHeaderText(text);
  if (!bytes.includes('%')) return bytes;
  if (/%(?![0-9a-f]{2})/i.test(bytes)) return undefined;
  return bytes.replace(/%(..)/g, (_, code: string) => String.fromCharCode(parseInt(code, 16)));
}

/**
 * Whether a text has control characters other than tabs. HTTP allows none of them in a header, and terminals act on
 * them.
 */
export function hasControlCharacters(text: string): boolean {
  return /[^\P{Cc}\t]/u.test(text);
}

/** The same for a URL, in which those above ASCII are encoded like any other character. */
export function hasControlCharactersOfAscii(text: string): boolean {
  return /[^\P{Cc}\t\u0080-\u009f]/u.test(text);
}

/** Ends the sentence about such a text. */
export const controlCharactersText = 'control characters are not allowed';
