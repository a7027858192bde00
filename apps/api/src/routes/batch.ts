import { isRunRequest, nameItem, refuseForRun, RunOverError, type Broker } from '@posthorn/broker';
import {
  BatchItem,
  contract,
  encodeHeaderText,
  forwardPrefix,
  maxHeaderBytes,
  maxHeaders,
  mergeHeaders,
  PosthornError,
  parseDestination,
  warnOfUnknownHeaders,
} from '@posthorn/shared';
import type { Request } from 'express';
import type { z } from 'zod';
import { readAccess } from '../middleware/authenticate.ts';
import { formatIssues } from '../middleware/handle-errors.ts';
import { readCallerIp } from './caller-ip.ts';
import { readPieces } from '../middleware/read-body.ts';
import type { Warn } from '../middleware/warn.ts';
import { limitHeaders } from './publish-request.ts';
import { parseJson, rawRoute, refuseEncoded, type Route } from './route.ts';
import { createItemSplitter } from './split-items.ts';

export interface BatchLimits {
  maxBytes: number;
  maxItems: number;
  maxMessageBytes: number;
}

/** `POST /v2/batch` (contract P11, P12): each item is a publish with its own headers only. */
export function batchRoutes(broker: Broker, warn: Warn, limits: BatchLimits): Route[] {
  return [
    rawRoute(contract.publish.batch, async (request, response) => {
      const items = await readItems(request, limits);
      warn(response, warnOfUnknownHeaders(items.flatMap(({ headers }) => headers)));
      try {
        response.json(await broker.publishBatch(items));
      } catch (error) {
        if (!(error instanceof RunOverError)) throw error;
        response.status(error.status).json([{ error: error.message }]);
      }
    }),
  ];
}

/**
 * Reads and checks each item as soon as it has arrived. Items after a fault are not checked, but searched for the headers
 * of a run: a batch with an item of a run is refused with another status (contract W3).
 */
export async function readItems(request: Request, limits: BatchLimits): Promise<Item[]> {
  refuseEncoded(request);
  const caller = { callerIp: readCallerIp(request), tokenInQuery: readAccess(request).tokenInQuery };
  const items: Item[] = [];
  const faults: unknown[] = [];
  const found = { run: false };
  const take = (text: string) => {
    try {
      if (faults.length === 0) items.push(readItem(parseJson(text), items.length, caller, limits));
    } catch (error) {
      faults.push(error);
    }
    if (faults.length > 0) found.run ||= runName.test(text) && initName.test(text);
  };
  const splitter = createItemSplitter(
    {
      maxItems: limits.maxItems,
      // Text that is all \uXXXX takes three times its size, and its headers go with it.
      maxItemBytes: 3 * (limits.maxMessageBytes + maxHeaderBytes),
    },
    take,
  );
  try {
    await readPieces(request, limits.maxBytes, splitter.push);
    splitter.end();
  } catch (error) {
    faults.push(error);
    found.run ||= runName.test(splitter.pending());
  }
  if (faults.length === 0) return items;
  found.run ||= items.some(({ headers }) => isRunRequest(headers));
  throw found.run ? refuseForRun(faults[0]) : faults[0];
}

/** What all items of a batch have in common. */
type Caller = Pick<Item, 'callerIp' | 'tokenInQuery'>;

function readItem(value: unknown, index: number, caller: Caller, limits: BatchLimits): Item {
  try {
    // Before the schema looks at every one of them: there may be a million.
    limitItemHeaders((value as { headers?: unknown } | null)?.headers);
    const item = parseItem(value);
    const { destination, configuration } = parseDestination(item.destination);
    const body = formatBody(item.body);
    if (body.length > limits.maxMessageBytes) {
      throw new PosthornError('body_too_large', `The body is too large; use at most ${limits.maxMessageBytes} bytes.`);
    }
    const headers = mergeHeaders(listHeaders(item.headers ?? {}), configuration);
    limitHeaders(headers);
    return {
      destination,
      headers: mergeHeaders(headers, describeBody(item)),
      body,
      ...caller,
      ...(item.queue ? { queueName: item.queue } : {}),
    };
  } catch (error) {
    throw nameItem(error, index);
  }
}

/** An item of a run has both in its text, even if it is not valid JSON. */
const runName = /"upstash-workflow-runid"/i;
const initName = /"upstash-workflow-init"/i;

type Item = Parameters<Broker['publish']>[0];

/** @throws {PosthornError} `headers_too_large` for more of them, or longer ones, than a request may have */
function limitItemHeaders(headers: unknown): void {
  if (typeof headers !== 'object' || headers === null) return;
  let count = 0;
  let bytes = 0;
  for (const name in headers) {
    count += 1;
    const value = (headers as Record<string, unknown>)[name];
    bytes += name.length;
    for (const text of Array.isArray(value) ? value : [value])
      bytes += typeof text === 'string' ? Buffer.byteLength(text) : 1;
    if (count > maxHeaders) throw new PosthornError('headers_too_large', `Use at most ${maxHeaders} headers.`);
    if (bytes > maxHeaderBytes) {
      throw new PosthornError('headers_too_large', `Use at most ${maxHeaderBytes} bytes of headers.`);
    }
  }
}

/** Names and values in turn, as a request would have them. */
function listHeaders(headers: Record<string, string>): string[] {
  return Object.entries(headers).flatMap(([name, value]) => [name, encodeHeaderText(value)]);
}

function parseItem(value: unknown): z.output<typeof BatchItem> {
  const parsed = BatchItem.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new PosthornError('invalid_request', formatIssues(parsed.error));
}

/** The content type of a body that is not text, unless the item forwards one of its own. */
function describeBody({ body, headers }: z.output<typeof BatchItem>): string[] {
  if (typeof body === 'string' || body === undefined || body === null) return [];
  const isForwarded = Object.keys(headers ?? {}).some((name) => name.toLowerCase() === `${forwardPrefix}content-type`);
  return isForwarded ? [] : ['content-type', 'application/json'];
}

/** Text is taken as it is, anything else as compact JSON. A missing body and null make an empty body. */
function formatBody(body: unknown): Buffer {
  if (body === undefined || body === null) return Buffer.alloc(0);
  if (typeof body === 'string') return Buffer.from(body);
  try {
    return Buffer.from(JSON.stringify(body));
  } catch {
    // JSON.parse accepts deeper nesting than JSON.stringify.
    throw new PosthornError('invalid_request', 'The body is nested too deeply; send it as text.');
  }
}
