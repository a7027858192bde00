import type { Triggered } from '@posthorn/shared';
import { PosthornError, randomText } from '@posthorn/shared';
import { refuseForbidden } from '../destinations/destination-guard.ts';
import type { PublishRequest } from '../intake/accept.ts';
import { startRun } from './accept-run.ts';
import { checkOptions } from './run-config.ts';
import { requireRunId } from './run-headers.ts';
import type { RunParts } from './run-parts.ts';

/** What the endpoint can do is known when it starts the run with its SDK. */
const features = new Set(['InitialBody', 'WF_TriggerOnConfig']);

/**
 * Begins a run for a client without an SDK: its endpoint starts it once more, with one (contract W23).
 * Its failure is reported to the workflow itself, unless the request says otherwise.
 *
 * @throws {PosthornError}, and what `accept` throws
 */
export async function triggerRun(parts: RunParts, request: PublishRequest): Promise<Triggered> {
  const { destination } = request;
  if (destination.kind !== 'url') {
    throw new PosthornError('invalid_request', 'The workflow must be a URL, with http:// or https:// in front.');
  }
  const { url } = destination;
  refuseForbidden(parts.guard, url, 'destination');
  const runId = findHeader(request.headers, 'upstash-workflow-runid') || `wfr_${randomText(21)}`;
  requireRunId(runId);
  const headers = findHeader(request.headers, 'upstash-failure-callback')
    ? request.headers
    : [...request.headers, 'Upstash-Failure-Callback', url];
  const asked = { ...request, headers };
  const started = await startRun(parts, runId, {
    request: asked,
    url,
    checked: checkOptions(parts, asked),
    features,
    payload: request.body,
    isUnknownSdk: true,
  });
  const createdAt = started.isKnown ? (await parts.runs.read(runId))?.createdAt : started.createdAt;
  return {
    workflowRunId: runId,
    workflowCreatedAt: createdAt ?? started.createdAt,
    ...(started.isKnown ? { deduplicated: true } : {}),
  };
}

function findHeader(headers: readonly string[], lowerName: string): string {
  const at = headers.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === lowerName);
  return at < 0 ? '' : (headers[at + 1] ?? '').trim();
}
