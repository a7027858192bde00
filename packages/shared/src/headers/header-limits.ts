/** Headers of one request or one message, wherever they come from (contract M1). */
export const maxHeaders = 200;
/** Maximum bytes of their names and values together. */
export const maxHeaderBytes = 32 * 1024;

/**
 * What is over the limit in headers, as a sentence; `undefined` if nothing is.
 *
 * @param headers names and values in turn, with one character for each byte
 */
export function findHeaderExcess(headers: readonly string[]): string | undefined {
  if (headers.length / 2 > maxHeaders) return `Use at most ${maxHeaders} headers.`;
  let bytes = 0;
  for (const text of headers) bytes += text.length;
  return bytes > maxHeaderBytes ? `Use at most ${maxHeaderBytes} bytes of headers.` : undefined;
}
