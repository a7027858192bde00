import type { Triggered } from '@posthorn/shared';
import { PosthornError, randomText } from '@posthorn/shared';
import { refuseForbidden } from '../destinations/destination-guard.ts';
import type { PublishRequest } from '../intake/accept.ts';
import { startDeadline } from '../intake/deadline.ts';
import { startRun, type NewRun } from './begin-run.ts';
import { checkOptions } from './run-config.ts';
import { requireRunId } from './run-headers.ts';
import type { RunParts } from './run-parts.ts';
import { beginTogether, requireRoom } from './run-room.ts';

/** What the endpoint can do is known when it starts the run with its SDK. */
const features = new Set(['InitialBody', 'WF_TriggerOnConfig']);

/** A trigger that was found valid; nothing of it is stored. */
interface Trigger {
  runId: string;
  run: NewRun;
}

/**
 * Begins runs for a client without an SDK: their endpoints start them once more, with one (contract W23). All are checked
 * before the first begins. The failure of a run is reported to its workflow, unless the request says otherwise.
 *
 * @param name the same error about one of the requests, by its index
 * @throws {PosthornError}, and what `accept` throws
 */
export async function triggerRuns(
  parts: RunParts,
  requests: readonly PublishRequest[],
  name = (error: unknown, _index: number) => error,
): Promise<Triggered[]> {
  const triggers = requests.map((request, index) => {
    try {
      return checkTrigger(parts, request);
    } catch (error) {
      throw name(error, index);
    }
  });
  await startDeadline().limit(
    requireRoom(
      parts,
      triggers.map(({ runId }) => runId),
    ),
  );
  const triggered: Triggered[] = [];
  await beginTogether(parts, triggers, async ({ runId, run }) => {
    const { isKnown, createdAt: now } = await startRun(parts, runId, run);
    const createdAt = isKnown ? ((await parts.runs.read(runId))?.createdAt ?? now) : now;
    triggered.push({ workflowRunId: runId, workflowCreatedAt: createdAt, ...(isKnown ? { deduplicated: true } : {}) });
    return { runId, createdAt, isKnown };
  });
  return triggered;
}

function checkTrigger(parts: RunParts, request: PublishRequest): Trigger {
  const { destination } = request;
  if (destination.kind !== 'url') {
    throw new PosthornError('invalid_request', 'The workflow must be a URL, with http:// or https:// in front.');
  }
  const { url } = destination;
  refuseForbidden(parts.guard, url, 'destination');
  const given = findHeader(request.headers, 'upstash-workflow-runid') || randomText(21);
  // The prefix distinguishes an event for one run from others. The official clients add it, too.
  const runId = given.startsWith('wfr_') ? given : `wfr_${given}`;
  requireRunId(runId);
  const headers = findHeader(request.headers, 'upstash-failure-callback')
    ? request.headers
    : [...request.headers, 'Upstash-Failure-Callback', url];
  const asked = { ...request, headers };
  const checked = checkOptions(parts, asked);
  return { runId, run: { request: asked, url, checked, features, payload: request.body, isUnknownSdk: true } };
}

function findHeader(headers: readonly string[], lowerName: string): string {
  const at = headers.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === lowerName);
  return at < 0 ? '' : (headers[at + 1] ?? '').trim();
}
