import type { Broker } from '@posthorn/broker';
import { contract, PosthornError, readDestination, readForwardedHeaders, readPublishOptions } from '@posthorn/shared';
import type { Request, Response } from 'express';
import { readAccess } from '../middleware/authenticate.ts';
import { readBody } from '../middleware/read-body.ts';
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
    const { configuration, ...destination } = readDestination(readTarget(request.originalUrl));
    const options = readPublishOptions(rawHeaders, configuration);
    const header = readForwardedHeaders(rawHeaders, options.forwardAll ?? false, readAccess(request).tokenInQuery);
    const body = await readBody(request, maxMessageBytes);
    response.json(await broker.publish({ destination, options, header, body, callerIp: readCallerIp(request) }));
  }
}

/** What stands behind `/v2/publish/` in the undecoded request target. */
function readTarget(originalUrl: string): string {
  return /^(?:https?:\/\/[^/?]*)?\/v2\/publish\/?(.*)$/is.exec(originalUrl)?.[1] ?? '';
}

/** IPv4 addresses on a socket that speaks both come in the form of IPv6. */
function readCallerIp(request: Request): string {
  return (request.ip ?? '').replace(/^::ffff:(?=\d+\.)/, '');
}
