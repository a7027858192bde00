import { canonicalName, decodeHeaderText, type Answer } from '@posthorn/shared';
import type { Agent, Dispatcher } from 'undici';
import { createByteBuffer } from './byte-buffer.ts';
import { decodeBody } from './decode-body.ts';
import type { DeliveryRequest } from './send.ts';

/** A destination that says nothing but "wait" for longer than this is not going to answer. */
const maxInformational = 20;

/** Pieces of a body after which no more is read: each costs time, whatever its size. */
const maxPieces = 100_000;

const protocolChange = 'the destination wants to change the protocol';

/** An exchange that was ended by us because the process stops; the message is handed back. */
export class AbortedError extends Error {
  override name = 'AbortedError';
}

/** One HTTP request and its response. Whatever the destination does, it becomes an answer. */
export interface Exchange {
  answer: Promise<Answer>;
  abort(): void;
  /** Ends the exchange with this error, unless it is over. */
  fail(error: string, code: string): void;
  /** Bytes of the response that are in memory. */
  heldBytes(): number;
}

/**
 * Sends a request over the pool and collects the answer within a hard limit of time, from the first step of connecting
 * to the last byte, and a limit of bytes (contract, delivery.md section 6).
 */
export function exchange(agent: Agent, request: DeliveryRequest, maxResponseBytes: number): Exchange {
  const { origin, path, userinfo } = splitUrl(request.url);
  let finish: (answer: Answer) => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  const answer = new Promise<Answer>((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });

  let controller: Dispatcher.DispatchController | undefined;
  let isOver = false;
  let informational = 0;
  let status = 0;
  let header: Answer['header'] = {};
  let keepsBody = true;
  let sizeBytes = 0;
  let pieces = 0;
  const body = createByteBuffer(maxResponseBytes);

  const end = () => {
    isOver = true;
    clearTimeout(timer);
  };
  const failWith = (error: string, code?: string) => {
    if (isOver) return;
    end();
    finish({ status: 0, header: {}, body: new Uint8Array(0), error, ...(code === undefined ? {} : { code }) });
    controller?.abort(new Error(error));
  };
  const complete = () => {
    if (isOver) return;
    end();
    const encoding = header['Content-Encoding']?.join(',');
    if (!keepsBody || encoding === undefined) {
      finish({ status, header, body: body.take() });
      return;
    }
    const blocks = body.takeBlocks();
    void decodeBody(blocks, encoding, maxResponseBytes).then((decoded) => {
      finish({ status, header, body: decoded ?? Buffer.concat(blocks) });
    });
  };
  const timer = setTimeout(
    () => {
      failWith(`no complete response within ${request.timeoutMs / 1000} s`);
    },
    Math.min(request.timeoutMs, 0x7fff_ffff),
  );

  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(started) {
      controller = started;
      if (isOver) started.abort(new Error('the attempt is over'));
    },
    onRequestUpgrade() {
      failWith(protocolChange);
    },
    onResponseStart(_controller, statusCode, headers) {
      if (statusCode < 200) {
        if (++informational > maxInformational) failWith('the destination sends nothing but informational answers');
        return;
      }
      if (statusCode > 599) {
        failWith(`the destination answered the unknown status ${statusCode}`);
        return;
      }
      status = statusCode;
      keepsBody = request.keepSuccessBody || statusCode >= 300;
      if (keepsBody) header = readHeaders(headers);
    },
    onResponseData(_controller, chunk) {
      sizeBytes += chunk.length;
      if (keepsBody) body.append(chunk);
      if (sizeBytes <= maxResponseBytes && ++pieces <= maxPieces) return;
      // Enough is known; an endless body must not hold the slot.
      complete();
      controller?.abort(new Error('the response is larger than what is kept'));
    },
    onResponseEnd: complete,
    onResponseError(_controller, error) {
      if (status === 0) failWith(describe(error), readCode(error));
      else failWith('the connection closed before the response was complete');
    },
  };
  try {
    agent.dispatch(
      {
        origin,
        path,
        method: request.method,
        headers: userinfo === undefined ? request.header : withUserinfo(request.header, userinfo),
        body: request.body ?? null,
        // The limit of the whole attempt is the only one: a slow but honest answer is not cut earlier.
        headersTimeout: 0,
        bodyTimeout: 0,
      },
      handler,
    );
  } catch (error) {
    failWith(describe(error), readCode(error));
  }

  return {
    answer,
    fail: failWith,
    heldBytes: () => (keepsBody ? sizeBytes : 0),
    abort() {
      if (isOver) return;
      end();
      fail(new AbortedError('the process stops'));
      controller?.abort(new Error('the process stops'));
    },
  };
}

/** The parts of a URL as its text has them: nothing is normalised, for the text is what was signed. */
function splitUrl(url: string): { origin: string; path: string; userinfo: string | undefined } {
  const match = /^(https?:\/\/)(?:([^/?@]*)@)?([^/?]*)(.*)$/is.exec(url);
  const [, scheme = '', userinfo, authority = '', rest = ''] = match ?? [];
  return { origin: scheme.toLowerCase() + authority, path: rest.startsWith('/') ? rest : `/${rest}`, userinfo };
}

/** Name and password of a URL go along as basic authentication, unless the publisher forwards another one. */
function withUserinfo(header: string[], userinfo: string): string[] {
  if (header.some((name, index) => index % 2 === 0 && name.toLowerCase() === 'authorization')) return header;
  let text = userinfo;
  try {
    text = decodeURIComponent(userinfo);
  } catch {
    // It is sent as it is written.
  }
  return [
    ...header,
    'Authorization',
    `Basic ${Buffer.from(text.includes(':') ? text : `${text}:`).toString('base64')}`,
  ];
}

function readBrackets(text: string): string {
  return /\((.+)\)/.exec(text)?.[1] ?? text;
}

function readHeaders(headers: Record<string, string | string[] | undefined>): Answer['header'] {
  const entries: [string, string[]][] = [];
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) entries.push([canonicalName(name), [value].flat().map(decodeHeaderText)]);
  }
  return Object.fromEntries(entries);
}

function readCode(error: unknown): string | undefined {
  if (error instanceof AggregateError) return readCode(error.errors[0]);
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

/** One sentence about a failed exchange, without stacks and without the URL, which may hold secrets. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return 'the request failed';
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return describe(error.errors[0]);
  const code = readCode(error) ?? '';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `unable to resolve host: ${error.message}`;
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return 'the destination did not accept the connection in time';
  if (error.message === 'bad upgrade') return protocolChange;
  if (code === 'UND_ERR_SOCKET') return 'the connection closed before there was a response';
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return 'the headers of the response are too large';
  if (code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') return 'the response is not as long as it announced';
  // The parser says in brackets what it did not like; what it does not expect at all is an assertion of the transport.
  if (error.name === 'HTTPParserError') return `the response is not valid HTTP: ${readBrackets(error.message)}`;
  if (code === 'ERR_ASSERTION') return 'the response is not valid HTTP';
  // OpenSSL adds a pointer, a file and a line of its own.
  const tlsReason = /:error:[^:]*:[^:]*:[^:]*:([^:\n]+)/.exec(error.message)?.[1];
  if (tlsReason) return `TLS: ${tlsReason}`;
  return error.message || code || 'the request failed';
}
