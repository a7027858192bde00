import { PosthornError, type Triggered } from '@posthorn/shared';
import { createFailureMessage } from './end-run.ts';
import { announceLimits } from './flow-limits.ts';
import { runKeys } from './run-keys.ts';
import { readLetter } from './run-letters.ts';
import type { RunParts } from './run-parts.ts';
import type { FailureCallbackState } from './runs.ts';

/**
 * Sends a failure callback again that has failed. `undefined` if there is no such entry.
 *
 * @throws {PosthornError} `invalid_request` in any other state
 */
export async function repeatCallback(parts: RunParts, dlqId: string): Promise<Triggered | undefined> {
  const run = await readLetter(parts, dlqId);
  if (!run) return undefined;
  const { scripts } = parts;
  const callback = run.config.failureCallback;
  const { failureCallback } = run;
  if (failureCallback?.state !== 'CALLBACK_FAIL' || !callback) {
    throw wrongState(failureCallback, 'only one that has failed can be repeated');
  }
  const message = createFailureMessage(parts, run, callback);
  await announceLimits(parts, callback);
  const state: FailureCallbackState = { messageId: message.messageId, state: 'CALLBACK_INPROGRESS' };
  // By its name: the id may be that of a later run.
  const location = { shard: run.shard, runId: run.name, createdAt: run.createdAt };
  const change = { before: JSON.stringify(failureCallback), now: JSON.stringify(state) };
  if ((await scripts.send(location, message, 'failureCallback', change)) === 'changed') {
    throw wrongState({ state: 'CALLBACK_INPROGRESS' }, 'only one that has failed can be repeated');
  }
  return { workflowRunId: run.runId, workflowCreatedAt: run.createdAt };
}

/**
 * Cancels a failure callback that is in progress. `undefined` if there is no such entry.
 *
 * @throws {PosthornError} `invalid_request` in any other state
 */
export async function cancelCallback(parts: RunParts, dlqId: string): Promise<Triggered | undefined> {
  const run = await readLetter(parts, dlqId);
  if (!run) return undefined;
  const { failureCallback } = run;
  if (failureCallback?.state !== 'CALLBACK_INPROGRESS') {
    throw wrongState(failureCallback, 'only one in progress can be canceled');
  }
  // Its message is dropped when it is due.
  const state: FailureCallbackState = { ...failureCallback, state: 'CALLBACK_CANCELED' };
  const key = runKeys.run(run.shard, run.name);
  const before = JSON.stringify(failureCallback);
  if ((await parts.redis.replaceField(key, 'failureCallback', before, JSON.stringify(state), 0)) !== 1) {
    throw wrongState(undefined, 'it has ended meanwhile');
  }
  return { workflowRunId: run.runId, workflowCreatedAt: run.createdAt };
}

function wrongState(now: Pick<FailureCallbackState, 'state'> | undefined, why: string): PosthornError {
  return new PosthornError('invalid_request', `The failure callback is in the state ${now?.state ?? 'none'}; ${why}.`);
}
