import { PosthornError, type Callback } from '@posthorn/shared';
import { refuseForbidden } from '../destinations/destination-guard.ts';
import type { PublishRequest } from '../intake/accept.ts';
import { parseEnvelope, type Envelope } from './invoke.ts';
import { checkOptions, type Checked } from './run-config.ts';
import { parseRunHeaders, type RunHeaders } from './run-headers.ts';
import type { RunParts } from './run-parts.ts';

/** One request of a run that was found valid; nothing of it is stored. */
export interface Accepted {
  /** Its index among the requests that came together. */
  index: number;
  request: PublishRequest;
  headers: RunHeaders;
  url: string;
  checked: Checked;
  /** Present for an invocation. */
  envelope?: Envelope;
  /** Where the result of a call goes. */
  callback?: Callback;
}

/** Maximum number of nested invocations. */
const maxInvokeDepth = 100;

/** @throws {PosthornError}, and what `accept` throws */
export function checkRunRequest(parts: RunParts, request: PublishRequest, index: number): Accepted {
  const { destination } = request;
  if (destination.kind !== 'url') {
    throw new PosthornError('limit_exceeded', 'The destination of a message of a workflow must be a URL.');
  }
  refuseForbidden(parts.guard, destination.url, 'destination');
  const headers = parseRunHeaders(request.headers);
  if (headers.invokeCount > maxInvokeDepth) {
    throw new PosthornError('limit_exceeded', `Workflows may invoke each other ${maxInvokeDepth} levels deep at most.`);
  }
  const checked = checkOptions(parts, request);
  const accepted: Accepted = { index, request, headers, url: destination.url, checked };
  if (headers.isInit) {
    if (headers.isInvoke) accepted.envelope = parseEnvelope(parts, request);
  } else if (headers.isCall) {
    if (!checked.callback) {
      throw new PosthornError('limit_exceeded', 'Upstash-Callback: a call of a workflow needs one.');
    }
    accepted.callback = checked.callback;
  }
  return accepted;
}
