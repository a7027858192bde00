import type { DestinationResponse } from '@posthorn/shared';
import { createBodyReader, type BodyReader } from './body-reader.ts';
import { createLineReader } from './line-reader.ts';
import { parseFraming, parseHeader, parseStatusLine, type StatusLine } from './response-head.ts';

/** The response of a destination to one request. */
export interface Response {
  /** Status of the response; 0 when there was no whole one. */
  status: number;
  /** Empty when nothing is kept of the response. */
  header: DestinationResponse['header'];
  /** The body as it came, in blocks. */
  body: Buffer[];
  /** The destination sent more than is kept. */
  isCut: boolean;
  /** Why this is not a whole response; `undefined` when it is. */
  error?: string;
  /** How long the connection may be kept for the next request, in milliseconds; 0 when it must be closed. */
  keepAliveMs: number;
}

/** Reads one response from the bytes of a connection. */
export interface ResponseReader {
  /** Takes the next bytes. @returns the response as soon as it is over, else `undefined` */
  read(piece: Buffer): Response | undefined;
  /** The connection has ended. @param isBroken whether the destination broke it off instead of closing it */
  close(isBroken: boolean): Response;
  /** Whether any byte has arrived. */
  hasBytes(): boolean;
  /** About as many bytes as the response takes in memory. */
  heldBytes(): number;
}

export interface ResponseLimits {
  /** Bytes of the body that are kept. The response is over when there are more. */
  maxBodyBytes: number;
  /** Whether headers and body of a successful response are kept. */
  keepSuccess: boolean;
}

/** Bytes of the headers of one response. */
const maxHeadBytes = 64 * 1024;
/** Lines of the headers of one response, with the parts of folded ones: each costs more than its bytes. */
const maxHeaderLines = 2000;
/** What a line of the headers takes in memory beside its bytes. */
const lineOverheadBytes = 200;
/** Bytes of all informational responses together: enough for one every second for hours. */
const maxInformationalBytes = 256 * 1024;

/** The connection ended without a byte of a response. */
const closedBefore = 'the connection closed before there was a response';
const closedWithin = 'the connection closed before the response was complete';

/**
 * A reader of HTTP/1.1 responses (RFC 9112) that is tolerant in what it reads: like curl it accepts lines that end in a
 * line feed alone, folded headers, control characters, and lengths that are superfluous or repeated. A mistake in the
 * framing of the body ends the response but does not fail the attempt, because status and headers have arrived. A response
 * that is cut off, or announces two lengths, fails it. The reader is strict about connections: after anything irregular
 * the connection is closed, because it is not certain where the next response would begin.
 *
 * Its work and its memory are bounded by `maxBodyBytes` and by the limits of headers and chunks.
 */
export function createResponseReader({ maxBodyBytes, keepSuccess }: ResponseLimits): ResponseReader {
  const lines = createLineReader();
  let hasBytes = false;
  let isRegular = true;
  let headBytes = 0;
  let informationalBytes = 0;
  let statusLine: StatusLine | undefined;
  let headerLines: string[] = [];
  let headerCount = 0;
  let header: DestinationResponse['header'] = {};
  let keepAliveMs = 0;
  let body: BodyReader | undefined;

  const end = (isCut = false): Response => ({
    status: statusLine?.status ?? 0,
    header,
    body: body?.take() ?? [],
    isCut,
    keepAliveMs: 0,
  });
  /** There is no whole response: what has arrived of one does not count (contract D13). */
  const fail = (error: string): Response => ({ status: 0, header: {}, body: [], isCut: false, error, keepAliveMs: 0 });
  /** The response ended where it should, with the last byte that has arrived. */
  const endCleanly = (): Response => ({ ...end(), keepAliveMs: isRegular && lines.isRegular() ? keepAliveMs : 0 });

  /** The headers are complete; `isAll` if nothing follows them yet. */
  function startBody(line: StatusLine, isAll: boolean): Response | undefined {
    const { status } = line;
    if (status === 101) return { ...end(), error: 'the destination wants to change the protocol' };
    if (status < 200) {
      // Not the status of a response.
      statusLine = undefined;
      informationalBytes += headBytes;
      if (informationalBytes > maxInformationalBytes) {
        return fail('the destination sends nothing but informational answers');
      }
      headBytes = headerCount = 0;
      headerLines = [];
      return undefined;
    }
    const framing = parseFraming(headerLines, line);
    const isKept = keepSuccess || status > 299;
    if (isKept) header = parseHeader(headerLines);
    else headBytes = headerCount = 0;
    headerLines = [];
    isRegular &&= framing.isRegular && line.isRegular;
    keepAliveMs = framing.keepAliveMs;
    if (framing.body === 'conflict') return fail('the response announces different lengths');
    if (framing.body === 'none' || framing.body === 0) return isAll ? endCleanly() : end();
    body = createBodyReader(framing.body, { maxBytes: maxBodyBytes, isKept });
    return undefined;
  }

  function readHeadLine(line: string, isAll: boolean): Response | undefined {
    if (!statusLine) {
      // Some servers send one empty line too many after a body.
      if (line === '') isRegular = false;
      else statusLine = parseStatusLine(line);
      return line === '' || statusLine ? undefined : fail(refuse(line));
    }
    if (line === '') return startBody(statusLine, isAll);
    headerCount++;
    const last = headerLines.length - 1;
    if (last >= 0 && /^[ \t]/.test(line)) {
      isRegular = false;
      headerLines[last] = `${headerLines[last] ?? ''} ${line.trim()}`;
    } else headerLines.push(line);
    return undefined;
  }

  return {
    read(piece) {
      hasBytes = true;
      let at = 0;
      while (at < piece.length && !body) {
        const line = lines.read(piece, at);
        headBytes += lines.next() - at;
        at = lines.next();
        if (headBytes > maxHeadBytes || headerCount > maxHeaderLines)
          return fail('the headers of the response are too large');
        if (line === undefined) return statusLine || mayBeHttp(lines.rest()) ? undefined : fail(refuse(lines.rest()));
        const response = readHeadLine(line, at === piece.length);
        if (response) return response;
      }
      if (!body || at === piece.length) return undefined;
      const ending = body.read(piece, at);
      if (ending === undefined) return undefined;
      return ending === 'clean' ? endCleanly() : end(ending === 'full');
    },
    close(isBroken) {
      if (body) return body.mayEndHere() && !isBroken ? end() : fail(closedWithin);
      return fail(statusLine ? closedWithin : closedBefore);
    },
    hasBytes: () => hasBytes,
    heldBytes: () => headBytes + lineOverheadBytes * headerCount + (body?.heldBytes() ?? 0),
  };
}

/** Whether a line that is not complete may become a status line. */
function mayBeHttp(start: string): boolean {
  return /^(\r?$|H(T(T(P(\/|$)|$)|$)|$))/i.test(start);
}

/** The error text for bytes that are not HTTP, with the first of them in printable characters. */
function refuse(line: string): string {
  return `the response is not valid HTTP: it starts with ${JSON.stringify(line.slice(0, 20).replace(/[^ -~]/g, '?'))}`;
}
