import { PosthornError, type RunMessage } from '@posthorn/shared';
import { createServerStep } from './create-step.ts';
import { failForRoom } from './end-run.ts';
import { listWaiters, removeFromList } from './event-list.ts';
import { announceLimits } from './flow-limits.ts';
import { listHeaderMap } from './header-lists.ts';
import { createEntry } from './run-entry.ts';
import { runKeys } from './run-keys.ts';
import type { RunParts } from './run-parts.ts';
import {
  countBytes,
  createNotifiedList,
  viewLimits,
  viewWaiter,
  type Notified,
  type WaiterView,
} from './waiter-view.ts';
import { isWebhookStep, nameNote, parseWaiter, requireEventId, type StoredWaiter } from './stored-waiter.ts';

/** Data that a run keeps for steps that do not wait yet: texts, and bytes of all. */
const noteLimits = { maxNotes: 1000, maxBytes: 16 * 1024 * 1024 };

/** The waiters of an event, as many as one response has room for (contract W12). */
export async function readWaiters(parts: RunParts, eventId: string): Promise<WaiterView[]> {
  const views: WaiterView[] = [];
  let bytes = 0;
  const seen = new Set<string>();
  for await (const { run, field, waiter } of listWaiters(parts, eventId)) {
    const name = `${run.runId} ${field}`;
    if (seen.has(name)) continue;
    seen.add(name);
    const view = viewWaiter(waiter, run.runId);
    bytes += countBytes(view);
    if (views.length === viewLimits.maxWaiters || (views.length > 0 && bytes > viewLimits.maxBytes)) break;
    views.push(view);
  }
  return views;
}

/** Resumes every waiter of an event, over all runs. Without one the event is lost. */
export async function notifyAll(parts: RunParts, eventId: string, data: Buffer): Promise<Notified[]> {
  requireEventId(eventId);
  const { notified, add } = createNotifiedList();
  const failures: Error[] = [];
  for await (const { run, field } of listWaiters(parts, eventId, true)) {
    try {
      const one = await resumeWaiter(parts, run, field, { data });
      if (one) add(one);
    } catch (error) {
      // The others get the event all the same; the rest get it when the event is sent again.
      failures.push(error as Error);
    }
  }
  if (failures[0]) throw failures[0];
  return notified;
}

/**
 * Resumes the waiters of an event in one run. Without one the data is kept as long as the run is active, for the first step
 * that waits for it.
 *
 * @param isWebhook the data is that of a call without a token: it feeds one wait, and only one for a webhook
 * @returns `undefined` for a run that is over or unknown; nothing is kept
 */
export async function notifyRun(
  parts: RunParts,
  runId: string,
  eventId: string,
  data: Buffer,
  isWebhook = false,
): Promise<Notified[] | undefined> {
  requireEventId(eventId);
  const { redis, runs, scripts } = parts;
  const run = await runs.readHead(runId);
  if (run?.state !== 'RUN_STARTED') return undefined;
  const event = { eventId, noteName: nameNote(eventId, isWebhook) };
  for (;;) {
    const kept = await scripts.keepNote(runs.locate(runId, run.createdAt), event, data, noteLimits);
    if (kept === 'over') return undefined;
    if (kept === 'kept') return [];
    if (kept === 'full') throw createNoRoom();
    const { notified, add } = createNotifiedList();
    let isForToken = false;
    for (const field of kept.sort(byStep)) {
      const text = isWebhook ? await redis.hget(runKeys.waiters(run.shard, runId), field) : null;
      if (text !== null && !isWebhookStep(parseWaiter(text).waiter.step)) {
        isForToken = true;
        continue;
      }
      const one = await resumeWaiter(parts, run, field, { data });
      if (one) add(one);
      if (one && isWebhook) break;
    }
    // None if all of them ended in the meantime.
    if (notified.length > 0) return notified;
    // What waits there is not for callers without a token.
    if (isForToken) return undefined;
  }
}

/**
 * Whether a run takes a call of a webhook: a step waits for it, or nothing waits and the call can be kept.
 *
 * @throws {PosthornError} `limit_exceeded` when the run has no room for it
 */
export async function takesWebhook(
  { redis, runs, scripts }: RunParts,
  runId: string,
  eventId: string,
): Promise<boolean> {
  requireEventId(eventId);
  const location = runs.locate(runId);
  const found = await scripts.findWaiters(location, eventId);
  if (found === 'over') return false;
  const waiters = runKeys.waiters(location.shard, runId);
  for (const field of found.fields) {
    const text = await redis.hget(waiters, field);
    if (text !== null && isWebhookStep(parseWaiter(text).waiter.step)) return true;
  }
  if (found.fields.length > 0) return false;
  if (found.notes >= noteLimits.maxNotes || found.noteBytes >= noteLimits.maxBytes) throw createNoRoom();
  return true;
}

const createNoRoom = () =>
  new PosthornError(
    'limit_exceeded',
    `The run keeps ${noteLimits.maxNotes} notifications or ${noteLimits.maxBytes} bytes of them at most.`,
  );

function byStep(a: string, b: string): number {
  return parseInt(a, 10) - parseInt(b, 10);
}

/** Gives an event to one waiter; `undefined` if another event, its deadline or the end of the run was first. */
export async function resumeWaiter(
  parts: RunParts,
  { runId, createdAt }: { runId: string; createdAt: number },
  field: string,
  { data, note }: { data: Buffer; note?: string },
): Promise<Notified | undefined> {
  const { redis, runs, scripts, runLimits } = parts;
  const run = await runs.read(runId, createdAt);
  const text = run && (await redis.hget(runKeys.waiters(run.shard, runId), field));
  if (!text) return undefined;
  const { timeoutId, waiter } = parseWaiter(text);
  const { step, eventId, timeout, headers, url } = waiter;
  const body = Buffer.from(
    JSON.stringify({
      ...step,
      waitEventId: eventId,
      timeout,
      waitTimeout: false,
      ...(data.length > 0 ? { out: data.toString('base64') } : {}),
    }),
  );
  const made = createServerStep(parts, run, headers, step, { id: runs.newMessageId(runId), kind: 'step', url });
  await announceLimits(parts, made.message);
  const location = runs.locate(runId, createdAt);
  const waits = { field, timeoutId, ...(note === undefined ? {} : { note }) };
  const result = await scripts.resumeWaiter(location, waits, createEntry(made, body), runLimits);
  if (result === 'gone' || result === 'over') return undefined;
  if (typeof result === 'string') {
    // This run can never continue, and must not prevent the event from reaching others.
    await failForRoom(parts, run, timeoutId, result);
    return undefined;
  }
  await removeFromList(parts, eventId, step.stepId, run);
  return {
    waiter: viewWaiter(waiter, runId),
    messageId: made.id,
    error: '',
    workflowRunId: runId,
    workflowCreatedAt: createdAt,
  };
}

/**
 * Gives kept data to waiters that were registered when it was there already: what registered them died, or lost Redis,
 * before it could. The endpoint got no response to the registration, so its delivery is repeated.
 */
export async function resumeFromKept(parts: RunParts, run: { runId: string; createdAt: number }): Promise<void> {
  const { redis, runs } = parts;
  const { shard } = runs.locate(run.runId);
  const notes = runKeys.notes(shard, run.runId);
  const kept = (await redis.hkeys(notes)).sort(byStep);
  if (kept.length === 0) return;
  const waiters = runKeys.waiters(shard, run.runId);
  for (const field of await redis.hkeys(waiters)) {
    const text = await redis.hget(waiters, field);
    if (text === null) continue;
    const { eventId, step } = parseWaiter(text).waiter;
    const noteName = nameNote(eventId, isWebhookStep(step));
    const note = kept.find((name) => name.slice(name.indexOf(':') + 1) === noteName);
    const data = note === undefined ? null : await redis.hgetBuffer(notes, note);
    if (note !== undefined && data) await resumeWaiter(parts, run, field, { data, note });
  }
}

/**
 * The deadline of a waiter has come: appends the result, and returns its position in the log, the same on every call.
 * `undefined` if the event, or the end of the run, was first.
 */
export async function expireWaiter(
  parts: RunParts,
  messageId: string,
  { runId, createdAt, waiter: field = '' }: RunMessage,
): Promise<{ start: number; end: number } | undefined> {
  const { redis, runs, scripts, runLimits } = parts;
  const run = await runs.read(runId, createdAt);
  if (run?.state !== 'RUN_STARTED') return undefined;
  const text = await redis.hget(runKeys.waiters(run.shard, runId), field);
  const { step, eventId, timeout, timeoutHeaders } = (text ? parseWaiter(text).waiter : {}) as Partial<StoredWaiter>;
  const body = Buffer.from(JSON.stringify({ ...step, waitEventId: eventId, timeout, waitTimeout: true }));
  const made = createServerStep(parts, run, listHeaderMap(timeoutHeaders), step, { id: messageId, kind: 'wait' });
  const entry = { ...createEntry(made, body), head: '', data: '' };
  const result = await scripts.resumeWaiter(
    runs.locate(runId, createdAt),
    { field, timeoutId: messageId },
    entry,
    runLimits,
  );
  if (result === 'gone' || result === 'over') return undefined;
  if (typeof result === 'string') {
    await failForRoom(parts, run, messageId, result);
    return undefined;
  }
  if (eventId !== undefined && step) await removeFromList(parts, eventId, step.stepId, run);
  return result;
}
