import type { Broker } from '@posthorn/broker';
import { mergeHeaders, PosthornError, readDestination } from '@posthorn/shared';
import type { Request } from 'express';
import { readAccess } from '../middleware/authenticate.ts';
import { readBody } from '../middleware/read-body.ts';
import { readCallerIp } from './caller-ip.ts';

/** More headers than this are a mistake or an attack; Node drops some without a word beyond 2,000. */
export const maxHeaders = 200;
/** Of their names and values together (contract M1). */
export const maxHeaderBytes = 32 * 1024;

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
  if (rawHeaders.length / 2 > maxHeaders) {
    throw new PosthornError('headers_too_large', `Use at most ${maxHeaders} headers.`);
  }
  if (countBytes(rawHeaders) > maxHeaderBytes) {
    throw new PosthornError('headers_too_large', `Use at most ${maxHeaderBytes} bytes of headers.`);
  }
  const { destination, configuration } = readDestination(target);
  return {
    destination,
    // A real header beats the query form of the same name.
    headers: mergeHeaders(rawHeaders, configuration),
    tokenInQuery: readAccess(request).tokenInQuery,
    body: await readBody(request, maxMessageBytes),
    callerIp: readCallerIp(request),
  };
}

/** What stands behind `/v2/publish/`, `/v2/enqueue/` or `/v2/schedules/` in the undecoded request target. */
export function readTarget({ url }: Request): string {
  return /^\/v2\/(?:publish|enqueue|schedules)\/?(.*)$/is.exec(url)?.[1] ?? '';
}

/** Node gives one character for each byte of a header. */
function countBytes(texts: readonly string[]): number {
  let bytes = 0;
  for (const text of texts) bytes += text.length;
  return bytes;
}
