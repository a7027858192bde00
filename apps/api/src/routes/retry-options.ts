import { mergeHeaders, parseConfiguration, parsePublishOptions } from '@posthorn/shared';
import type { Request } from 'express';

/**
 * What a request to retry a dead letter says about the new message or run: its headers, and the configuration in its
 * query, as names and values in turn.
 *
 * @throws {PosthornError} for an invalid option, even if there is no entry to retry
 */
export function parseRetryOptions(request: Request): readonly string[] {
  const headers = mergeHeaders(request.rawHeaders, parseConfiguration(/\?(.*)$/s.exec(request.url)?.[1] ?? ''));
  parsePublishOptions(headers);
  return headers;
}
