import { createHash } from 'node:crypto';
import type { Triggered } from '@posthorn/shared';
import { storeRun } from './begin-run.ts';
import { readPayload } from './compose-delivery.ts';
import { createRepeated } from './create-repeated.ts';
import { resumeRun } from './resume-run.ts';
import { checkOptions, type Checked, type RunConfig } from './run-config.ts';
import { createLogGone } from './run-errors.ts';
import { readLetter, removeLetters } from './run-letters.ts';
import type { RunParts } from './run-parts.ts';
import type { Run } from './runs.ts';

/**
 * Begins failed runs again, as new runs: from their first step, or where they have stopped. Each entry leaves the dead
 * letter queue when its new run is stored. An entry becomes one run, however often and at whatever times it is repeated:
 * after a crash, by a client that repeats its request, or by two clients at once.
 *
 * @param headers options that replace those of the run
 * @returns `undefined`, and nothing is done, if one of the entries does not exist
 */
export async function repeatRuns(
  parts: RunParts,
  dlqIds: readonly string[],
  mode: 'restart' | 'resume',
  headers: readonly string[],
): Promise<Triggered[] | undefined> {
  const checked = checkOptions(parts, { headers, callerIp: '', body: Buffer.alloc(0) });
  const runs: Run[] = [];
  for (const dlqId of dlqIds) {
    const run = await readLetter(parts, dlqId);
    if (!run) return undefined;
    runs.push(run);
  }
  const triggered: Triggered[] = [];
  for (const [index, run] of runs.entries()) {
    const dlqId = dlqIds[index] ?? '';
    // The same for a call that is repeated.
    const hash = createHash('sha256').update(`${dlqId} ${run.runId} ${run.createdAt}`).digest('base64url');
    const runId = `wfr_${hash.slice(0, 21)}`;
    const createdAt = Date.now();
    const repeat = mode === 'restart' ? restartRun : resumeRun;
    await repeat(parts, run, { runId, createdAt }, override(run.config, checked), checked);
    triggered.push({ workflowRunId: runId, workflowCreatedAt: (await parts.runs.read(runId))?.createdAt ?? createdAt });
    await removeLetters(parts, [dlqId]);
  }
  return triggered;
}

/** What a request says about a run that is repeated; the rest stays. */
function override(config: RunConfig, { options, template, failureCallback }: Checked): RunConfig {
  return {
    ...config,
    ...(options.retries === undefined ? {} : { maxRetries: template.maxRetries }),
    ...(template.retryDelayExpression ? { retryDelayExpression: template.retryDelayExpression } : {}),
    ...(template.flowControl ? { flowControl: template.flowControl } : {}),
    ...(template.labels ? { labels: template.labels } : {}),
    ...(failureCallback
      ? { failureCallback: { ...failureCallback, header: config.failureCallback?.header ?? failureCallback.header } }
      : {}),
  };
}

async function restartRun(
  parts: RunParts,
  run: Run,
  { runId, createdAt }: { runId: string; createdAt: number },
  config: RunConfig,
  checked: Checked,
): Promise<void> {
  const payload = await readPayload(parts.redis, run);
  if (!payload) throw createLogGone(run);
  const { isUnknownSdk } = run;
  const id = parts.runs.newMessageId(runId);
  const header = config.initHeader;
  const made = createRepeated(config, { runId, createdAt, id, kind: 'init', header, isUnknownSdk }, checked);
  await storeRun(parts, { runId, createdAt }, config, made, payload, { mode: 'restart' });
}
