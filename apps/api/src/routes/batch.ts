import { nameItem, type Broker } from '@posthorn/broker';
import { BatchItem, contract, mergeHeaders, PosthornError, readDestination } from '@posthorn/shared';
import type { z } from 'zod';
import { readCallerIp } from './caller-ip.ts';
import { maxHeaderBytes } from './publish-request.ts';
import { rawRoute, readJson, type Route } from './route.ts';

export interface BatchLimits {
  maxBytes: number;
  maxItems: number;
  maxMessageBytes: number;
}

/** `POST /v2/batch` (contract, http-api.md section 5.1): each item is a publish with its own headers only. */
export function batchRoutes(broker: Broker, limits: BatchLimits): Route[] {
  return [
    rawRoute(contract.publish.batch, async (request, response) => {
      const items = readItems(await readJson(request, limits.maxBytes));
      const callerIp = readCallerIp(request);
      response.json(await broker.publishBatch(items.map((item, index) => readItem(item, index, callerIp))));
    }),
  ];

  function readItems(body: unknown): unknown[] {
    if (!Array.isArray(body) || body.length === 0) {
      throw new PosthornError('invalid_request', 'The body must be an array of items, each with a destination.');
    }
    if (body.length > limits.maxItems) {
      throw new PosthornError('invalid_request', `Use at most ${limits.maxItems} items, not ${body.length}.`);
    }
    return body;
  }

  function readItem(value: unknown, index: number, callerIp: string): Parameters<Broker['publish']>[0] {
    const parsed = BatchItem.safeParse(value);
    if (!parsed.success) throw new PosthornError('invalid_request', `item ${index}: ${writeIssues(parsed.error)}`);
    try {
      const { destination, configuration } = readDestination(parsed.data.destination);
      const headers = listItemHeaders(parsed.data.headers ?? {});
      const body = writeBody(parsed.data.body);
      if (body.length > limits.maxMessageBytes) {
        throw new PosthornError(
          'body_too_large',
          `The body is too large; use at most ${limits.maxMessageBytes} bytes.`,
        );
      }
      const { queue } = parsed.data;
      return {
        destination,
        headers: mergeHeaders(headers, configuration),
        tokenInQuery: false,
        body,
        callerIp,
        ...(queue ? { queueName: queue } : {}),
      };
    } catch (error) {
      throw nameItem(error, index);
    }
  }
}

function listItemHeaders(headers: Record<string, string>): string[] {
  const list: string[] = [];
  let bytes = 0;
  for (const name in headers) {
    const value = headers[name] ?? '';
    bytes += name.length + value.length;
    list.push(name, value);
  }
  if (bytes > maxHeaderBytes) {
    throw new PosthornError('headers_too_large', `Use at most ${maxHeaderBytes} bytes of headers.`);
  }
  return list;
}

/** Text is the body itself, nothing or null is none, anything else its compact JSON. */
function writeBody(body: unknown): Buffer {
  if (body === undefined || body === null) return Buffer.alloc(0);
  if (typeof body === 'string') return Buffer.from(body);
  try {
    return Buffer.from(JSON.stringify(body));
  } catch {
    // What can be parsed is deeper than what can be written.
    throw new PosthornError('invalid_request', 'The body is nested too deeply; send it as text.');
  }
}

function writeIssues({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => [...path, message].join(': ')).join('; ');
}
