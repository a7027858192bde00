import type { Broker } from '@posthorn/broker';
import { findHeaderExcess, mergeHeaders, PosthornError, parseDestination } from '@posthorn/shared';
import type { Request } from 'express';
import { readAccess } from '../middleware/authenticate.ts';
import { readBody } from '../middleware/read-body.ts';
import { readCallerIp } from './caller-ip.ts';

/**
 * A request whose body is that of a message and whose headers are its options.
 *
 * @param target the destination as the undecoded request target has it, its query included
 */
export async function readPublishRequest(
  request: Request,
  target: string,
  maxMessageBytes: number,
): Promise<Parameters<Broker['publish']>[0]> {
  const { rawHeaders } = request;
  limitHeaders(rawHeaders);
  const { destination, configuration } = parseDestination(target);
  // A real header beats the query form of the same name.
  const headers = mergeHeaders(rawHeaders, configuration);
  limitHeaders(headers);
  return {
    destination,
    headers,
    tokenInQuery: readAccess(request).tokenInQuery,
    body: await readBody(request, maxMessageBytes),
    callerIp: readCallerIp(request),
  };
}

/** What stands behind `/v2/publish/`, `/v2/enqueue/` or `/v2/schedules/` in the undecoded request target. */
export function targetOf({ url }: Request): string {
  return /^\/v2\/(?:publish|enqueue|schedules)\/?(.*)$/is.exec(url)?.[1] ?? '';
}

/** @throws {PosthornError} `headers_too_large` for more of them, or longer ones, than a request may have */
export function limitHeaders(headers: readonly string[]): void {
  const excess = findHeaderExcess(headers);
  if (excess !== undefined) throw new PosthornError('headers_too_large', excess);
}
