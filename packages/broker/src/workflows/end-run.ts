import type { Callback } from '@posthorn/shared';
import { flowLane } from '../engine/lanes/lanes.ts';
import { createServerStep } from './create-step.ts';
import { announceLimits } from './flow-limits.ts';
import { keepRunHeaders } from './run-config.ts';
import { createEntry } from './run-entry.ts';
import { createRefusal } from './run-errors.ts';
import { runKeys } from './run-keys.ts';
import type { RunParts } from './run-parts.ts';
import type { RunEntry } from './run-scripts.ts';
import type { FailureCallbackState, Run, RunFailure, RunState } from './runs.ts';

/** What ending a run has done. `over`: it had ended before. `unknown`: there is no such run. */
export interface RunEnd {
  result: 'ended' | 'over' | 'unknown';
  dlqId?: string;
}

/** Messages of a run that leave their lanes together: a run may have thousands. */
const leaveAtOnce = 100;

/**
 * Ends a run in one step: what it still had to do is dropped, and reported to its invoker (contract W8).
 *
 * @param run without `createdAt`: whichever run has the id now
 * @param fields more fields of the run
 * @param failureMessage the message to its failure callback
 */
export async function endRun(
  parts: RunParts,
  { runId, createdAt }: { runId: string; createdAt?: number | undefined },
  state: Exclude<RunState, 'RUN_STARTED'>,
  fields: Record<string, string> = {},
  failureMessage?: Pick<RunEntry, 'head' | 'data'>,
): Promise<RunEnd> {
  const { runs, scripts, shards, lanes, runLimits, log } = parts;
  const location = runs.locate(runId, createdAt);
  const ended = await scripts.end(location, state, runLimits.retentionMs, shards.count, fields, failureMessage);
  if (ended.result !== 'ended') return { result: ended.result };
  parts.ended[state] += 1;
  for (let from = 0; from < ended.dropped.length; from += leaveAtOnce) {
    await Promise.all(
      // A lane would find out itself, some seconds later.
      ended.dropped
        .slice(from, from + leaveAtOnce)
        .map(({ id, flowKey }) => lanes.leave(flowLane({ key: flowKey }), id).catch(() => undefined)),
    );
  }
  // A sweep reports it again.
  await reportToInvoker(parts, runId, ended.createdAt).catch((error: unknown) =>
    log.warn({ err: error, runId }, 'workflow.invoker-not-reported'),
  );
  return { result: 'ended', ...(ended.dlqId === undefined ? {} : { dlqId: ended.dlqId }) };
}

/** Ends a run that has failed: with a dead letter, and with its failure callback (contract W17). */
export async function failRun(
  parts: RunParts,
  { runId, createdAt }: Pick<Run, 'runId' | 'createdAt'>,
  failure: RunFailure,
  ownCallback?: Callback,
): Promise<RunEnd> {
  const run = await parts.runs.read(runId, createdAt);
  if (!run) return { result: 'unknown' };
  const callback = ownCallback ?? run.config.failureCallback;
  const message = callback && createFailureMessage(parts, run, callback);
  if (callback) await announceLimits(parts, callback);
  const state: FailureCallbackState | undefined = message && {
    messageId: message.messageId,
    state: 'CALLBACK_INPROGRESS',
  };
  const fields = { failure: JSON.stringify(failure), ...(state ? { failureCallback: JSON.stringify(state) } : {}) };
  return endRun(parts, run, 'RUN_FAILED', fields, message);
}

/** The message that reports the failure of a run; its body is made when it is delivered. */
export function createFailureMessage(
  { runs }: Pick<RunParts, 'runs'>,
  { runId, createdAt, config }: Run,
  { url, method, header, maxRetries, retryDelayExpression, timeoutMs, delayMs, flowControl }: Callback,
): RunEntry {
  const now = Date.now();
  const json = { 'Content-Type': ['application/json'] };
  return createEntry(
    {
      id: runs.newMessageId(runId),
      key: '',
      message: {
        url,
        method,
        header: { ...config.header, ...keepRunHeaders(header), ...json },
        createdAt: now,
        notBefore: now + delayMs,
        maxRetries,
        timeoutMs,
        callerIp: config.callerIp,
        ...(retryDelayExpression ? { retryDelayExpression } : {}),
        ...(flowControl ? { flowControl } : {}),
        ...(config.labels ? { labels: config.labels } : {}),
      },
      workflow: { runId, createdAt, kind: 'failure' },
    },
    undefined,
  );
}

/** Appends the result of a run to the run that waits for it. Doing it twice changes nothing. */
export async function reportToInvoker(parts: RunParts, runId: string, createdAt: number | undefined): Promise<void> {
  const run = await parts.runs.read(runId, createdAt);
  if (!run || run.state === 'RUN_STARTED') return;
  const { invoker } = run;
  if (invoker) await parts.reportGate(run.result?.length ?? 0, () => appendResult(parts, run, invoker));
  await parts.redis.zrem(runKeys.unreported(run.shard), `${run.runId} ${run.createdAt}`);
}

async function appendResult(
  parts: RunParts,
  { runId: ownId, createdAt: ownCreatedAt, state, result }: Run,
  { runId, createdAt, headers, step }: NonNullable<Run['invoker']>,
): Promise<void> {
  const { runs, scripts, runLimits } = parts;
  const invoker = await runs.read(runId);
  if (invoker?.state !== 'RUN_STARTED' || (createdAt > 0 && invoker.createdAt !== createdAt)) return;
  const out = JSON.stringify({
    ...(state === 'RUN_SUCCESS' && result ? { body: result } : {}),
    isFailed: state === 'RUN_FAILED',
    isCanceled: state === 'RUN_CANCELED',
  });
  const body = Buffer.from(JSON.stringify({ ...(step as object), out }));
  const made = createServerStep(parts, invoker, headers, step, { id: runs.newMessageId(runId), kind: 'step' });
  await announceLimits(parts, made.message);
  const entry = createEntry(made, body, 'step', { invoked: { runId: ownId, createdAt: ownCreatedAt } });
  const appended = await scripts.append(runs.locate(runId, invoker.createdAt), [entry], runLimits);
  if (appended === 'bytes' || appended === 'steps') await failForRoom(parts, invoker, made.id, appended);
}

/** A result that the server itself writes finds no room in the log: the run cannot go on. */
export async function failForRoom(
  parts: RunParts,
  run: Pick<Run, 'runId' | 'createdAt'>,
  messageId: string,
  refusal: 'bytes' | 'steps',
): Promise<void> {
  const error = createRefusal(refusal, parts.runLimits).message;
  await failRun(parts, run, {
    messageId,
    status: 0,
    header: {},
    bodyBase64: Buffer.from(error).toString('base64'),
    error,
    retried: 0,
    maxRetries: 0,
  });
}
