import type { DestinationResponse, ErrorKind } from '@posthorn/shared';
import type { Connection } from './connection.ts';
import { decodeBody, type Decoding } from './decode-body.ts';
import { formatRequest, type DeliveryRequest, type RequestBytes } from './format-request.ts';
import { parseTarget, type Origin } from './origin.ts';
import type { Pool } from './pool.ts';
import { createResponseReader, type Response } from './response-reader.ts';
import { toTransportError } from './transport-error.ts';

/** An exchange that was ended by us because the process stops; the message is handed back. */
export class AbortedError extends Error {
  override name = 'AbortedError';
}

/** One HTTP request and its response. */
export interface Exchange {
  /** Resolves to a `DestinationResponse` whatever the destination does. Rejects only with `AbortedError`. */
  response: Promise<DestinationResponse>;
  abort(): void;
  /** Ends the exchange with this error, unless there is a response. */
  fail(error: string, code: string): void;
  /** About as many bytes as the response takes in memory, until there is a response. */
  heldBytes(): number;
}

export interface ExchangeParts {
  pool: Pool;
  maxResponseBytes: number;
  /** Called when the request is sent once more, because its connection had been closed before. */
  resent: () => unknown;
}

/**
 * A destination that closes a kept connection does so without looking whether a request is on its way; that its end
 * arrives takes one trip over the network. What is closed later was closed because of the request.
 */
const staleWithinMs = 1000;
const maxTimerMs = 0x7fff_ffff;
const nothing = new Uint8Array(0);

/**
 * Sends a request and collects the response within a hard limit of time, from the first step of connecting to the last
 * byte, and within limits of bytes (contract D10, D12).
 *
 * When a connection that was used before ends within a second, without one byte of a response, the request is sent once
 * more over a new connection: the destination had closed it while it was idle. Both requests are the same attempt and
 * carry the same message id.
 */
export function exchange({ pool, maxResponseBytes, resent }: ExchangeParts, request: DeliveryRequest): Exchange {
  let finish: (response: DestinationResponse) => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  const response = new Promise<DestinationResponse>((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });

  let isOver = false;
  /** The response has arrived, and is being decompressed. */
  let isDecoding = false;
  let heldBytes = () => 0;
  /** Closes what is open for this exchange. */
  let drop: () => void = () => undefined;
  const end = () => {
    isOver = true;
    clearTimeout(timer);
  };
  const failWith = (errorKind: ErrorKind, error: string, code?: string) => {
    if (isOver && !isDecoding) return;
    end();
    isDecoding = false;
    drop();
    finish({ status: 0, header: {}, body: nothing, error, errorKind, ...(code === undefined ? {} : { code }) });
  };
  const timer = setTimeout(
    () => failWith('timeout', `no complete response within ${request.timeoutMs / 1000} s`),
    Math.min(request.timeoutMs, maxTimerMs),
  );

  function run(origin: Origin, bytes: RequestBytes): void {
    const kept = pool.take(origin);
    if (kept) use(kept);
    else open();

    function open(): void {
      const controller = new AbortController();
      drop = () => controller.abort();
      pool.open(origin, controller.signal).then(
        (connection) => {
          if (isOver) connection.destroy();
          else use(connection);
        },
        (error: unknown) => {
          // Also what no part of the transport expected has its code: it may be a lack on our side.
          const { kind, message, code } = toTransportError('connect', error);
          failWith(kind, message, code);
        },
      );
    }

    function use(connection: Connection): void {
      const reader = createResponseReader({ maxBodyBytes: maxResponseBytes, keepSuccess: request.keepSuccessBody });
      const startedAt = performance.now();
      const complete = (response: Response) => {
        end();
        const { keepAliveMs } = response;
        if (keepAliveMs > 0 && connection.release()) pool.give(origin, connection, keepAliveMs);
        else connection.destroy();
        const encoding = response.header['Content-Encoding']?.join(',') ?? '';
        const decoding = decodeBody(response.body, encoding, maxResponseBytes);
        if (decoding) decode(response, decoding);
        else finish(toDestinationResponse(response));
      };
      drop = connection.destroy;
      heldBytes = reader.heldBytes;
      connection.start(bytes, {
        received(piece) {
          const response = reader.read(piece);
          if (response) complete(response);
        },
        closed(isBroken) {
          const isStale =
            connection.served() > 0 && !reader.hasBytes() && performance.now() - startedAt < staleWithinMs;
          if (isStale) {
            resent();
            open();
          } else complete(reader.close(isBroken));
        },
      });
    }
  }

  /** Little that was received may become much: until it is decoded, the exchange can still be failed. */
  function decode(response: Response, { decoded, heldBytes: heldNow, stop }: Decoding): void {
    isDecoding = true;
    heldBytes = heldNow;
    drop = stop;
    void decoded.then((result) => {
      isDecoding = false;
      finish(toDestinationResponse(result ? replaceBody(response, result) : response));
    });
  }

  try {
    const target = parseTarget(request.url);
    run(target.origin, formatRequest(request, target));
  } catch (error) {
    failWith('protocol', error instanceof Error ? error.message : 'the request cannot be sent');
  }

  return {
    response,
    fail: (error, code) => failWith('timeout', error, code),
    heldBytes: () => heldBytes(),
    abort() {
      if (isOver) return;
      end();
      drop();
      fail(new AbortedError('the process stops'));
    },
  };
}

function toDestinationResponse({ status, header, body, isCut, error }: Response): DestinationResponse {
  const [first = nothing] = body;
  const response: DestinationResponse = { status, header, body: body.length > 1 ? Buffer.concat(body) : first };
  if (isCut) response.isCut = true;
  return error === undefined ? response : { ...response, error, errorKind: 'protocol' };
}

/** A decoded body stands without the headers that describe the encoded one. */
function replaceBody(response: Response, { body, isCut }: { body: Buffer; isCut: boolean }): Response {
  const { 'Content-Encoding': _encoding, 'Content-Length': _length, ...header } = response.header;
  return { ...response, header, body: [body], isCut: response.isCut || isCut };
}
