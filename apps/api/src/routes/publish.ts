import type { Broker } from '@posthorn/broker';
import { contract, mergeHeaders, PosthornError, readDestination } from '@posthorn/shared';
import type { Request, Response } from 'express';
import { readAccess } from '../middleware/authenticate.ts';
import { readBody } from '../middleware/read-body.ts';
import { readCallerIp } from './caller-ip.ts';
import { requireScope, type Route } from './route.ts';

/** More headers than this are a mistake or an attack; Node drops some without a word beyond 2,000. */
const maxHeaders = 200;

/** `POST /v2/publish/{destination}` (contract, http-api.md section 5.1). The body is bytes, the options are headers. */
export function publishRoutes(broker: Broker, maxMessageBytes: number): Route[] {
  return [
    {
      method: 'post',
      // No group in the expression: Express would decode it, and the destination is kept byte for byte.
      path: /^\/v2\/publish(?:\/.*)?$/i,
      async handle(request, response) {
        requireScope(request, contract.publish.publish.scope);
        await publish(request, response);
      },
    },
  ];

  async function publish(request: Request, response: Response): Promise<void> {
    const { rawHeaders } = request;
    if (rawHeaders.length / 2 > maxHeaders) {
      throw new PosthornError('headers_too_large', `Use at most ${maxHeaders} headers.`);
    }
    const { destination, configuration } = readDestination(readTarget(request.originalUrl));
    const reply = await broker.publish({
      destination,
      // A real header beats the query form of the same name.
      headers: mergeHeaders(rawHeaders, configuration),
      tokenInQuery: readAccess(request).tokenInQuery,
      body: await readBody(request, maxMessageBytes),
      callerIp: readCallerIp(request),
    });
    // Nothing was created: accepted, but not once more.
    if ([reply].flat().every(({ deduplicated }) => deduplicated)) response.status(202);
    response.json(reply);
  }
}

/** What stands behind `/v2/publish/` in the undecoded request target. */
function readTarget(originalUrl: string): string {
  return /^(?:https?:\/\/[^/?]*)?\/v2\/publish\/?(.*)$/is.exec(originalUrl)?.[1] ?? '';
}
