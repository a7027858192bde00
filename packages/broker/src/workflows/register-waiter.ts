import { findHeaderExcess, parseUrl, PosthornError, parseDuration } from '@posthorn/shared';
import { refuseForbidden } from '../destinations/destination-guard.ts';
import { createServerStep } from './create-step.ts';
import { addToList, removeFromList } from './event-list.ts';
import { announceLimits } from './flow-limits.ts';
import { keepPublishHeaders, listHeaderMap, toHeaderMap } from './header-lists.ts';
import { checkOptions } from './run-config.ts';
import { createEntry } from './run-entry.ts';
import { createRefusal, refuseForRun, RunOverError } from './run-errors.ts';
import { parseRunHeaders } from './run-headers.ts';
import { runKeys } from './run-keys.ts';
import type { RunParts } from './run-parts.ts';
import type { Run } from './runs.ts';
import { checkStep } from './step-text.ts';
import { isWebhookStep, maxWaiterBytes, nameNote, requireEventId, type StoredWaiter } from './stored-waiter.ts';
import { resumeWaiter } from './waiters.ts';

/** What a client may send along with a wait: all of it stays in Redis until the wait ends. */
const maxBytes = { step: 8 * 1024, timeoutBody: 64 * 1024 };

/**
 * Registers a step that waits (contract W11).
 *
 * @param headers of the request: names and values in turn, at most those that a publish may have
 * @throws {RunOverError}; {PosthornError} `limit_exceeded` for what is wrong
 */
export async function registerWaiter(
  parts: RunParts,
  eventId: string,
  headers: readonly string[],
  json: unknown,
): Promise<void> {
  const { redis, runs, scripts, runLimits } = parts;
  const { runId } = parseRunHeaders(headers);
  const run = await runs.read(runId);
  if (run?.state !== 'RUN_STARTED') throw new RunOverError();
  const timeoutId = runs.newMessageId(runId);
  const waiter = parseWaitRequest(parts, run, eventId, headers, json);
  const { step, timeoutHeaders, timeoutUrl } = waiter;
  const made = createServerStep(parts, run, listHeaderMap(timeoutHeaders), step, {
    id: timeoutId,
    kind: 'wait',
    url: timeoutUrl,
  });
  const field = `${step.stepId}:${eventId}`;
  const now = Date.now();
  const entry = createEntry(
    {
      ...made,
      message: { ...made.message, createdAt: now, notBefore: waiter.deadline * 1000 },
      workflow: { ...made.workflow, waiter: field },
    },
    undefined,
  );
  // First the list, then the waiter: an entry without a waiter does no harm.
  const list = () => addToList(parts, eventId, step.stepId, run, waiter.deadline);
  const isNew = await list();
  const location = runs.locate(runId, run.createdAt);
  const key = `wait:${step.stepId}`;
  await announceLimits(parts, made.message);
  const { result, note } = await scripts.registerWaiter(
    location,
    { key, field, json: JSON.stringify(waiter), noteName: nameNote(eventId, isWebhookStep(step)), timeoutId },
    entry,
    runLimits,
  );
  if (result === 'waits' || result === 'known') {
    // The same request may be here twice, and the other one may have been refused and have removed the entry.
    if (!isNew) await list();
  } else {
    await removeFromList(parts, eventId, step.stepId, run);
    if ((await redis.hexists(runKeys.waiters(location.shard, runId), field)) === 1) await list();
  }
  if (result === 'gone') return;
  if (result !== 'waits' && result !== 'known') throw createRefusal(result, runLimits);
  if (note) await resumeWaiter(parts, run, field, { data: note.data, note: note.field });
}

function parseWaitRequest(
  parts: RunParts,
  run: Run,
  eventId: string,
  headers: readonly string[],
  json: unknown,
): StoredWaiter {
  try {
    const wrong = (what: string) => new PosthornError('limit_exceeded', what);
    requireEventId(eventId);
    const {
      timeout: given,
      url = run.config.url,
      timeoutUrl = url,
      timeoutHeaders,
      timeoutBody,
      step,
    } = (json as Partial<Record<string, unknown>> | null) ?? {};
    const head = checkStep(step);
    if (!head) throw wrong('step: give the step that waits');
    if (Buffer.byteLength(JSON.stringify(head)) > maxBytes.step)
      throw wrong(`step: use at most ${maxBytes.step} bytes`);
    if (typeof timeoutBody === 'string' && Buffer.byteLength(timeoutBody) > maxBytes.timeoutBody) {
      throw wrong(`timeoutBody: use at most ${maxBytes.timeoutBody} bytes`);
    }
    const headersAtTimeout = listHeaderMap(timeoutHeaders);
    const excess = findHeaderExcess(headersAtTimeout);
    if (excess !== undefined) throw wrong(`timeoutHeaders: ${excess}`);
    if (typeof url !== 'string' || typeof timeoutUrl !== 'string') throw wrong('url, timeoutUrl: use text');
    for (const target of [url, timeoutUrl])
      refuseForbidden(parts.guard, parseUrl(target, 'destination'), 'destination');
    // A number stands for seconds, as some steps of the SDK send it.
    const timeout = typeof given === 'number' ? `${given}s` : given;
    const timeoutMs = typeof timeout === 'string' ? parseDuration(timeout) : undefined;
    if (timeoutMs === undefined) throw wrong('timeout: use a duration such as 20s or 7d');
    if (timeoutMs > parts.limits.maxDelayMs) {
      throw wrong(`timeout: use at most ${parts.limits.maxDelayMs / 1000} seconds`);
    }
    const kept = keepPublishHeaders(headers);
    const keptForTimeout = toHeaderMap(keepPublishHeaders(headersAtTimeout));
    const origin = { id: '', kind: 'step' } as const;
    for (const headers of [kept, listHeaderMap(keptForTimeout)]) {
      checkOptions(parts, { headers, callerIp: '', body: Buffer.alloc(0) });
      createServerStep(parts, run, headers, head, origin);
    }
    const createdAt = Date.now();
    const waiter: StoredWaiter = {
      eventId,
      step: head,
      createdAt,
      timeout: timeout as string,
      deadline: Math.ceil((createdAt + timeoutMs) / 1000),
      url,
      headers: kept,
      timeoutUrl,
      timeoutHeaders: keptForTimeout,
      ...(typeof timeoutBody === 'string' ? { timeoutBody } : {}),
    };
    if (Buffer.byteLength(JSON.stringify(waiter)) > maxWaiterBytes) {
      throw wrong(`use at most ${maxWaiterBytes} bytes of headers, timeoutHeaders, timeoutBody and step together`);
    }
    return waiter;
  } catch (error) {
    throw refuseForRun(error);
  }
}
