import { PosthornError } from '@posthorn/shared';
import { copyLog } from './copy-log.ts';
import { createRepeated } from './create-repeated.ts';
import { announceLimits } from './flow-limits.ts';
import type { Checked, RunConfig } from './run-config.ts';
import { createEntry } from './run-entry.ts';
import { createLogGone } from './run-errors.ts';
import { readElement, readEntries, readEntry, type RunLogEntry } from './run-log.ts';
import type { RunParts } from './run-parts.ts';
import { createTooManyRuns, maxRunsOfShard } from './run-room.ts';
import type { Run } from './runs.ts';
import { parseStepHead, stepNumber } from './step-text.ts';
import { findUnfinished, type KnownElement } from './unfinished-steps.ts';

/**
 * Begins a new run with a copy of the log of one that has failed, and delivers what is unfinished there again. Does nothing
 * if there is a run with its id, in any state.
 */
export async function resumeRun(
  parts: RunParts,
  run: Run,
  { runId, createdAt }: { runId: string; createdAt: number },
  config: RunConfig,
  checked: Checked,
): Promise<void> {
  const { redis, runs, scripts } = parts;
  if (await runs.read(runId)) return;
  const entries = await readEntries(redis, run, 0);
  if (entries.length === 0) throw createLogGone(run);
  const known: (KnownElement & { entry: RunLogEntry })[] = [];
  for (const [index, entry] of entries.entries()) {
    const body =
      index > 0 && entry.callType === 'step' ? await readElement(redis, run.shard, run.name, entry) : undefined;
    known.push({ entry, index, head: body && parseStepHead(body.body) });
  }
  const { steps, again } = findUnfinished(known, run.failure?.messageId);
  const headers = await Promise.all(again.map(async ({ index }) => (await readEntry(redis, run, index))?.header ?? {}));
  const newIds = new Map(again.map(({ entry }) => [entry.messageId, runs.newMessageId(runId)]));
  const location = runs.locate(runId, createdAt);
  const copy = await copyLog(parts, { from: run, to: { shard: location.shard, runId }, entries, newIds, steps });
  if (copy === undefined) throw createLogGone(run);
  if ((await runs.read(run.runId, run.createdAt))?.name !== run.name) {
    throw new PosthornError('unavailable', `A new run took the id ${run.runId} while its log was copied. Try again.`);
  }

  const { isUnknownSdk } = run;
  const messages = again.map(({ entry, index, head }, at) => {
    const kind = index === 0 ? 'init' : entry.callType === 'fromCallback' ? 'callback' : 'step';
    const id = newIds.get(entry.messageId) ?? '';
    const header = index === 0 ? config.initHeader : (headers[at] ?? {});
    const made = createRepeated(config, { runId, createdAt, id, kind, header, isUnknownSdk }, checked);
    const { start, end, notBefore = 0 } = entry;
    // A step that sleeps goes on sleeping. The one that failed has been delivered, and only the request delays it.
    if (entry.messageId !== run.failure?.messageId) {
      made.message.notBefore = Math.max(made.message.notBefore, notBefore);
    }
    const stepId = entry.stepId ?? (head ? stepNumber(head) : undefined);
    made.workflow = {
      ...made.workflow,
      ...(stepId === undefined ? {} : { step: { id: stepId, concurrent: head?.concurrent ?? 1 } }),
      ...(head?.stepId === 0 ? { isPlan: true } : {}),
      start,
      end,
    };
    return createEntry(made, undefined);
  });
  const fields = {
    config: JSON.stringify(config),
    phase: isUnknownSdk ? 'unknown' : 'known',
    otherBytes: String(copy.otherBytes),
    initId: newIds.get(entries[0]?.messageId ?? '') ?? entries[0]?.messageId ?? '',
  };
  await announceLimits(parts, config);
  const result = await scripts.resume(location, copy.name, fields, messages, maxRunsOfShard(parts));
  if (result === 'full') throw createTooManyRuns(parts.runLimits);
}
