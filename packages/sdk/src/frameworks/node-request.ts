import { SetupError } from '../environment.ts';
import { parseBody, readPieces } from './read-body.ts';
import type { Incoming, Refusal } from './verify.ts';

/** The headers of a Node.js request. */
export type NodeHeaders = Record<string, string | string[] | undefined>;

/** What is used of the stream of a Node.js request. */
export interface NodeStream extends AsyncIterable<unknown> {
  /** Whether there is, or may still come, something to read. */
  readable?: boolean;
  readableDidRead?: boolean;
  destroyed?: boolean;
}

/** What is used of a Node.js request, and of what frameworks add to it. */
export interface NodeRequest extends NodeStream {
  headers: NodeHeaders;
  body?: unknown;
  /** Where frameworks and `verify` options of body parsers leave the bytes. */
  rawBody?: unknown;
}

/** What is used of a Node.js response. */
export interface NodeResponse {
  statusCode: number;
  setHeader(name: string, value: string): unknown;
  end(text: string): unknown;
}

function readNodeHeader(headers: NodeHeaders, name: string): string | undefined {
  const value = headers[name.toLowerCase()];
  return Array.isArray(value) ? value[0] : value;
}

interface NodeSource {
  stream: NodeStream;
  headers: NodeHeaders;
  /** Where the bytes may be as they came, or their text. */
  rawBody?: unknown;
  /** What a body parser may have left; anything but text and bytes is passed over. */
  body?: unknown;
  /** What to change when a body parser has used the body up. */
  advice: string;
  /** Gets the bytes that were taken from the stream, so that later readers find them. */
  keep(bytes: Uint8Array): void;
}

/** A Node.js request: its body is where a body parser has kept it, else in the stream. */
export function fromNode({ stream, headers, rawBody, body, advice, keep }: NodeSource): Incoming {
  const usedUp = `A body parser has used the body up: ${advice}`;
  return {
    header: (name) => readNodeHeader(headers, name),
    async readBody(maxBodyBytes) {
      if (rawBody instanceof Uint8Array) return rawBody;
      if (typeof rawBody === 'string') {
        // Some parsers keep the text that they have decoded, and what was no UTF-8 is lost in it.
        return /\P{ASCII}/u.test(rawBody) ? { text: rawBody, advice: usedUp } : rawBody;
      }
      if (body instanceof Uint8Array) return body;
      if (typeof body === 'string') {
        // It may be the value of a JSON string, and not the JSON; that of an object would be no text.
        return isJson(headers) && !/^\s*[[{]/.test(body) ? { text: body, advice: usedUp } : body;
      }
      // A stream that was destroyed has lost its sender, and says so when it is read.
      if (stream.readableDidRead || (stream.readable === false && !stream.destroyed)) {
        if (isBodyAnnounced(headers)) throw new SetupError(usedUp);
        return new Uint8Array();
      }
      const iterator = stream[Symbol.asyncIterator]();
      const pieces = { next: () => iterator.next(), cancel: () => iterator.return?.() };
      const bytes = await readPieces(pieces, maxBodyBytes);
      keep(bytes);
      return bytes;
    },
  };
}

function isJson(headers: NodeHeaders): boolean {
  return /[/+]json\s*(;|$)/i.test(readNodeHeader(headers, 'content-type') ?? '');
}

/** Serverless hosts give requests without a body as streams that have ended. */
function isBodyAnnounced(headers: NodeHeaders): boolean {
  const length = readNodeHeader(headers, 'content-length');
  return readNodeHeader(headers, 'transfer-encoding') !== undefined || (length !== undefined && Number(length) !== 0);
}

/** Leaves a body on the request as a body parser does: parsed if it is JSON, else as text, and its bytes beside it. */
export function keepBody(
  request: { body?: unknown; rawBody?: unknown },
  headers: NodeHeaders,
  bytes: Uint8Array,
): void {
  request.body = parseBody(bytes, readNodeHeader(headers, 'content-type'));
  request.rawBody = toBuffer(bytes);
}

/** Handlers on Node.js expect a `Buffer`; other hosts may not have it. */
export function toBuffer(bytes: Uint8Array): Uint8Array {
  const { Buffer } = globalThis as { Buffer?: { from(bytes: Uint8Array): Uint8Array } };
  return Buffer ? Buffer.from(bytes) : bytes;
}

/** Answers with the reason as plain text. */
export function answerRefusal(response: NodeResponse, { status, message }: Refusal): void {
  response.statusCode = status;
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.end(message);
}
