import { callbackForwardPrefix, canonicalName, failureCallbackForwardPrefix, forwardPrefix } from './names.ts';

/**
 * Header names in canonical form, each with its values in the order they came (contract T19). The values of a
 * message are byte strings; what is shown of them is text (`header-text.ts`).
 */
export type HeaderMap = Record<string, string[]>;

/** Names that describe one connection or one request and would be wrong, or a forgery, on another. */
const never = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'upgrade',
  'http2-settings',
  'expect',
]);

/**
 * Names that a proxy added or that were meant for posthorn, besides `never`, when all headers are forwarded. The codings
 * that the publishing client can decode say nothing about posthorn, which reads the response.
 */
const forOurHop = /^(authorization|accept-encoding|x-forwarded-.*|x-real-ip|forwarded|via|content-type)$/;

/** The codings of a response that posthorn decodes (contract D12). */
export const decodedCodings = ['gzip', 'x-gzip', 'deflate', 'br'] as const;
const acceptableCodings = new Set<string>([...decodedCodings, 'identity']);

/**
 * May a publisher set this header on the delivery? Connection headers and everything of posthorn's own are dropped at
 * acceptance and never stored, so that a publisher cannot forge a signature or a message id (contract D5).
 */
function isForwardable(lowerName: string): boolean {
  const name = likenName(lowerName);
  if (never.has(name) || name.startsWith('proxy-')) return false;
  return !name.startsWith('upstash-') || /^upstash-(label$|workflow-)/.test(name);
}

/**
 * The name that a destination may read in a header name: CGI, WSGI and their kin make one variable of `Upstash_Signature`
 * and `Upstash-Signature`, some of them for any character that is no letter and no digit.
 */
function likenName(lowerName: string): string {
  return /[^a-z0-9-]/.test(lowerName) ? lowerName.replace(/[^a-z0-9]/g, '-') : lowerName;
}

/** What goes along with a message, and with its callbacks. */
export interface ForwardedHeaders {
  header: HeaderMap;
  callbackHeader: HeaderMap;
  failureCallbackHeader: HeaderMap;
}

/**
 * The headers that a message carries to its destination, from the header list of the publish request:
 * `Upstash-Forward-<Name>` as `<Name>` and the request's own `Content-Type`; with `all`, every other header that is
 * not the publisher's business with posthorn (contract H5). And the same for the headers of its callbacks. An empty value
 * counts as absent (contract T5).
 *
 * @param headers names and values in turn, the values as byte strings, as node:http gives them
 * @param all value of `Upstash-Header-Forward`
 * @param tokenInQuery the `Authorization` header is not ours and may be forwarded
 * @throws {ForwardError} for a value that cannot be sent on
 */
export function parseForwardedHeaders(
  headers: readonly string[],
  all: boolean,
  tokenInQuery: boolean,
): ForwardedHeaders {
  const header: HeaderMap = {};
  const callbackHeader: HeaderMap = {};
  const failureCallbackHeader: HeaderMap = {};
  const hopByHop = all ? readConnectionOptions(headers) : undefined;
  let contentType: string | undefined;
  let forwardedContentType: string | undefined;

  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index]?.toLowerCase() ?? '';
    const value = headers[index + 1] ?? '';
    if (isBlank(value)) continue;
    if (name === 'content-type') contentType ??= value;
    else if (name.startsWith(forwardPrefix)) {
      const forwarded = name.slice(forwardPrefix.length);
      if (forwarded === 'content-type') forwardedContentType ??= value;
      else addForwardable(header, forwarded, value);
    } else if (name.startsWith(callbackForwardPrefix)) {
      addForwardable(callbackHeader, name.slice(callbackForwardPrefix.length), value);
    } else if (name.startsWith(failureCallbackForwardPrefix)) {
      addForwardable(failureCallbackHeader, name.slice(failureCallbackForwardPrefix.length), value);
    } else if (hopByHop && !hopByHop.has(name) && isForwardable(name)) {
      const like = likenName(name);
      const isOurs =
        like.startsWith('upstash-') || (forOurHop.test(like) && !(name === 'authorization' && tokenInQuery));
      if (!isOurs) add(header, name, value);
    }
  }

  const chosen = contentType || forwardedContentType;
  if (chosen) add(header, 'content-type', chosen);
  return { header, callbackHeader, failureCallbackHeader };
}

/** The names in lower case that `Connection` declares to be about one connection only (RFC 9110 section 7.6.1). */
function readConnectionOptions(headers: readonly string[]): Set<string> {
  const names = new Set<string>();
  for (let index = 0; index + 1 < headers.length; index += 2) {
    if (headers[index]?.toLowerCase() !== 'connection') continue;
    for (const option of headers[index + 1]?.split(',') ?? []) names.add(option.trim().toLowerCase());
  }
  return names;
}

/** An empty header value counts as absent (contract T5). */
function isBlank(value: string): boolean {
  return /^[ \t]*$/.test(value);
}

/** Adds the headers of `more` whose names `headers` lacks or has empty; both are names and byte strings in turn. */
export function mergeHeaders(headers: readonly string[], more: readonly string[]): readonly string[] {
  if (more.length === 0) return headers;
  const given = new Set<string>();
  for (let index = 0; index + 1 < headers.length; index += 2) {
    if (!isBlank(headers[index + 1] ?? '')) given.add(headers[index]?.toLowerCase() ?? '');
  }
  const merged = [...headers];
  for (let index = 0; index + 1 < more.length; index += 2) {
    const [name = '', value = ''] = more.slice(index, index + 2);
    if (!given.has(name.toLowerCase())) merged.push(name, value);
  }
  return merged;
}

/** A forwarded header that no HTTP client could send; the message names it. */
export class ForwardError extends Error {
  override name = 'ForwardError';
}

function addForwardable(header: HeaderMap, lowerName: string, value: string): void {
  if (lowerName === '' || !isForwardable(lowerName)) return;
  const sent = likenName(lowerName) === 'accept-encoding' ? keepDecodable(value) : value;
  if (sent !== undefined) add(header, lowerName, sent);
}

/**
 * The codings of an `Accept-Encoding` that posthorn decodes: it reads the response, and shows and passes on nothing that
 * is encoded. `undefined` if none is left.
 */
function keepDecodable(value: string): string | undefined {
  const codings = value.split(',');
  const kept = codings.filter((coding) => acceptableCodings.has((coding.split(';')[0] ?? '').trim().toLowerCase()));
  if (kept.length === codings.length) return value;
  return kept.length > 0 ? kept.map((coding) => coding.trim()).join(', ') : undefined;
}

function add(header: HeaderMap, lowerName: string, value: string): void {
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(lowerName)) {
    throw new ForwardError(
      `'${lowerName}' is not a header name that can be forwarded: letters, digits and hyphens are.`,
    );
  }
  const name = canonicalName(lowerName);
  if (!isSendable(value)) {
    throw new ForwardError(
      `The value of the forwarded header '${name}' has control characters, which HTTP does not allow.`,
    );
  }
  const values = Object.hasOwn(header, name) ? header[name] : undefined;
  if (values) values.push(value);
  else Object.defineProperty(header, name, { value: [value], enumerable: true, writable: true, configurable: true });
}

/** Horizontal tab, printable ASCII and bytes above it may stand in a header value (RFC 9110 section 5.5). */
function isSendable(value: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value);
}
