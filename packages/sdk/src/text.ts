// `Headers` hold one character per byte, and text travels in them as its UTF-8.

/** The UTF-8 of a text, one character per byte. */
export function toBytes(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join('');
}

/** The text that such bytes stand for; what is not UTF-8 stays as it is. */
export function toText(value: string): string {
  if (/[^\0-\xff]/.test(value)) return value;
  try {
    return decodeUtf8(value, true);
  } catch {
    return value;
  }
}

/** @throws {TypeError} with `fatal`, for bytes that are not UTF-8 */
export function decodeUtf8(bytes: string, fatal = false): string {
  return new TextDecoder('utf-8', { fatal }).decode(Uint8Array.from(bytes, (character) => character.charCodeAt(0)));
}

/** Whether a text says something to the server: it drops blanks around the values of headers, and an empty one is none. */
export function isGiven(text: string | number | undefined): text is string {
  // Callers without types give numbers, too.
  return String(text ?? '').trim() !== '';
}
