import type { Target } from './origin.ts';

/** One HTTP request to a destination. */
export interface DeliveryRequest {
  /** Sent exactly as it is written. */
  url: string;
  method: string;
  /** Names and values in turn, each character one byte; neither a length nor a host, which are added. */
  header: string[];
  body: Uint8Array | string | undefined;
  /** Hard limit for the whole exchange. */
  timeoutMs: number;
  /** Whether the headers and the body of a successful response are used. */
  keepSuccessBody: boolean;
}

/** The bytes of a request. */
export interface RequestBytes {
  /** With the body, unless that is large. */
  head: Buffer;
  body?: Buffer;
}

/** A field that can be sent without becoming something else (RFC 9110 section 5). */
const field = /^[\w!#$%&'*+.^`|~-]+: [\t\x20-\x7e\x80-\xff]*$/;

/** A larger body is written as it is, instead of being copied behind the head. */
const maxCopiedBytes = 64 * 1024;

/**
 * The bytes of a request: one HTTP/1.1 message with `Host`, `Connection` and the length of its body.
 *
 * @throws {TypeError} for a method, path or header that HTTP does not allow: it would end the message early
 */
export function formatRequest(
  { method, header, body }: DeliveryRequest,
  { origin, path, userinfo }: Target,
): RequestBytes {
  if (!/^[A-Z]+$/.test(method)) throw new TypeError('the method of the request is not allowed in HTTP');
  if (!/^[\x21-\x7e\x80-\xff]+$/.test(path)) throw new TypeError('the path of the request is not allowed in HTTP');
  let head = `${method} ${path} HTTP/1.1\r\nHost: ${origin.host}\r\nConnection: keep-alive\r\n`;
  let isAuthorized = false;
  for (let index = 0; index < header.length; index += 2) {
    const name = header[index] ?? '';
    const line = `${name}: ${header[index + 1] ?? ''}`;
    if (!field.test(line)) throw new TypeError('a header of the request is not allowed in HTTP');
    if (name.length === 13 && name.toLowerCase() === 'authorization') isAuthorized = true;
    head += `${line}\r\n`;
  }
  // The publisher may forward another authorization than that of the URL.
  if (userinfo !== undefined && !isAuthorized) head += `Authorization: Basic ${encodeUserinfo(userinfo)}\r\n`;

  const bodyBytes = body === undefined ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.length;
  // Without a body only methods that usually have one say so (RFC 9110 section 8.6).
  if (bodyBytes > 0 || method.startsWith('P')) head += `Content-Length: ${bodyBytes}\r\n`;
  head += '\r\n';

  if (body !== undefined && bodyBytes > maxCopiedBytes) {
    return {
      head: Buffer.from(head, 'latin1'),
      body: typeof body === 'string' ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.length),
    };
  }
  const bytes = Buffer.allocUnsafe(head.length + bodyBytes);
  bytes.write(head, 'latin1');
  if (typeof body === 'string') bytes.write(body, head.length);
  else if (body) bytes.set(body, head.length);
  return { head: bytes };
}

function encodeUserinfo(userinfo: string): string {
  let text = userinfo;
  try {
    text = decodeURIComponent(userinfo);
  } catch {
    // It is sent as it is written.
  }
  return Buffer.from(text.includes(':') ? text : `${text}:`).toString('base64');
}
