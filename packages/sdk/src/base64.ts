/** The text behind standard base64, such as the `body` of a log or a callback; bytes that are not UTF-8 become `�`. */
export function decodeBase64(base64: string): string {
  return new TextDecoder().decode(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
}
