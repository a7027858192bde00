import type { Broker } from '@posthorn/broker';
import { contract, mergeHeaders, Name, PosthornError, readDestination } from '@posthorn/shared';
import type { Request, Response } from 'express';
import { readAccess } from '../middleware/authenticate.ts';
import { readBody } from '../middleware/read-body.ts';
import { readCallerIp } from './caller-ip.ts';
import { rawRoute, type Route } from './route.ts';

/** More headers than this are a mistake or an attack; Node drops some without a word beyond 2,000. */
const maxHeaders = 200;

/** `POST /v2/publish/{destination}` and `POST /v2/enqueue/{queue}/{destination}` (contract, http-api.md section 5.1). The body is bytes, the options are headers. */
export function publishRoutes(broker: Broker, maxMessageBytes: number): Route[] {
  return [
    rawRoute(
      contract.publish.publish,
      (request, response) => publish(request, response, readTarget(request.originalUrl)),
      // No group in the expression: Express would decode it, and the destination is kept byte for byte.
      /^\/v2\/publish(?:\/.*)?$/i,
    ),
    rawRoute(
      contract.queues.enqueue,
      (request, response) => {
        const [, queue = '', target = ''] = /^([^/?]*)\/?(.*)$/s.exec(readTarget(request.originalUrl)) ?? [];
        return publish(request, response, target, readQueueName(queue));
      },
      /^\/v2\/enqueue\/.*$/i,
    ),
  ];

  async function publish(request: Request, response: Response, target: string, queueName?: string): Promise<void> {
    const { rawHeaders } = request;
    if (rawHeaders.length / 2 > maxHeaders) {
      throw new PosthornError('headers_too_large', `Use at most ${maxHeaders} headers.`);
    }
    const { destination, configuration } = readDestination(target);
    const reply = await broker.publish({
      destination,
      // A real header beats the query form of the same name.
      headers: mergeHeaders(rawHeaders, configuration),
      tokenInQuery: readAccess(request).tokenInQuery,
      body: await readBody(request, maxMessageBytes),
      callerIp: readCallerIp(request),
      ...(queueName === undefined ? {} : { queueName }),
    });
    // Nothing was created: accepted, but not once more.
    if ([reply].flat().every(({ deduplicated }) => deduplicated)) response.status(202);
    response.json(reply);
  }
}

/** What stands behind `/v2/publish/` or `/v2/enqueue/` in the undecoded request target. */
function readTarget(originalUrl: string): string {
  return /^(?:https?:\/\/[^/?]*)?\/v2\/(?:publish|enqueue)\/?(.*)$/is.exec(originalUrl)?.[1] ?? '';
}

function readQueueName(text: string): string {
  const result = Name.safeParse(decodeURIComponent(text));
  if (result.success) return result.data;
  throw new PosthornError('invalid_request', `queueName: ${result.error.issues[0]?.message ?? ''}`);
}
