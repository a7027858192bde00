import { decodeUtf8 } from './text.ts';

/** The text behind standard base64, such as the `body` of a log or a callback; bytes that are not UTF-8 become `�`. */
export function decodeBase64(base64: string): string {
  return decodeUtf8(atob(base64));
}
