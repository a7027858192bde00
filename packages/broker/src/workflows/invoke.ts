import { findHeaderExcess, hasMoreValues, PosthornError } from '@posthorn/shared';
import type { PublishRequest } from '../intake/accept.ts';
import { checkOptions } from './run-config.ts';
import { createRefusal } from './run-errors.ts';
import { runKeys } from './run-keys.ts';
import { listHeaderMap } from './header-lists.ts';
import { parseRunHeaders } from './run-headers.ts';
import type { RunParts } from './run-parts.ts';
import type { Invoker } from './runs.ts';
import { checkStep } from './step-text.ts';

/** What a workflow sends to start another one: its payload, and where its end is reported. */
export interface Envelope {
  payload: Buffer;
  invoker: Invoker;
  stepId: number;
}

/** Bytes of what a run stores of its invoker: mostly headers. */
const maxInvokerBytes = 256 * 1024;
/** Values of the JSON of an envelope; the payload is one of them. */
const maxValues = 10_000;
/** The step that waits, as JSON: it is stored with the new run. */
const maxStepBytes = 8 * 1024;
/** That of a destination (contract M1). */
const maxUrlLength = 8192;

/** @throws {PosthornError} and what is wrong with the headers of the message that reports the end */
export function parseEnvelope(parts: RunParts, { body, callerIp }: PublishRequest): Envelope {
  const wrong = (what: string) => new PosthornError('limit_exceeded', `The envelope of an invocation: ${what}`);
  if (hasMoreValues(body, maxValues)) throw wrong(`use at most ${maxValues} values`);
  let json: Record<string, unknown>;
  try {
    json = (JSON.parse(body.toString('utf8')) as Record<string, unknown> | null) ?? {};
  } catch {
    throw wrong('it is not valid JSON');
  }
  const { workflowRunId, workflowRunCreatedAt, workflowUrl, step, body: payload = '' } = json;
  const head = checkStep(step);
  if (!head) throw wrong('step: give the step that waits');
  if (typeof workflowRunId !== 'string' || typeof workflowUrl !== 'string') {
    throw wrong('workflowRunId, workflowUrl: give the run that waits');
  }
  if (workflowUrl.length > maxUrlLength) throw wrong(`workflowUrl: use at most ${maxUrlLength} characters`);
  if (typeof payload !== 'string') throw wrong('body: use text');
  if (Buffer.byteLength(JSON.stringify(step)) > maxStepBytes) throw wrong(`step: use at most ${maxStepBytes} bytes`);
  const headers = listHeaderMap(json['headers']);
  const excess = findHeaderExcess(headers);
  if (excess !== undefined) throw wrong(`headers: ${excess}`);
  parseRunHeaders([...headers, 'Upstash-Workflow-RunId', workflowRunId]);
  checkOptions(parts, { headers, callerIp, body: Buffer.alloc(0) });
  const invoker: Invoker = {
    runId: workflowRunId,
    createdAt: Number(workflowRunCreatedAt) || 0,
    url: workflowUrl,
    headers,
    step,
  };
  // The run that is started has it among its fields, which are read for every message of it.
  if (Buffer.byteLength(JSON.stringify(invoker)) > maxInvokerBytes) {
    throw wrong(`use at most ${maxInvokerBytes} bytes of everything but the body`);
  }
  return { payload: Buffer.from(payload), stepId: head.stepId, invoker };
}

/** The run that a step starts, whichever of several requests comes first. */
export interface Claim {
  runId: string;
  messageId: string;
  isKnown: boolean;
}

const locateInvoker = ({ runs }: RunParts, { invoker }: Envelope) =>
  runs.locate(invoker.runId, invoker.createdAt || undefined);
const claimKey = ({ stepId }: Envelope) => `invoke:${stepId}`;

/**
 * Notes in the run that waits which run it starts, before that begins: a request that is repeated, after a crash or with
 * another random id, then means the same run.
 *
 * @throws {RunOverError}
 */
export async function claimInvocation(parts: RunParts, envelope: Envelope, runId: string): Promise<Claim> {
  const { scripts, runs, runLimits } = parts;
  const messageId = runs.newMessageId(runId);
  const text = `?${messageId} ${runId}`;
  const claimed = await scripts.append(
    locateInvoker(parts, envelope),
    [{ key: claimKey(envelope), messageId: text, element: '', description: '', head: '', data: '' }],
    runLimits,
  );
  if (typeof claimed === 'string') throw createRefusal(claimed, runLimits);
  const [, id = messageId, known = runId] = /^\??(\S+) (.*)$/s.exec(claimed[0] ?? '') ?? [];
  return { runId: known, messageId: id, isKnown: claimed[0]?.startsWith('?') === false };
}

/** The started run exists: the step that started it has done its work. */
export async function confirmInvocation(
  { redis, runs }: RunParts,
  envelope: Envelope,
  { runId, messageId }: Claim,
): Promise<void> {
  const { shard } = runs.locate(envelope.invoker.runId);
  const key = runKeys.steps(shard, envelope.invoker.runId);
  const confirmed = `${messageId} ${runId}`;
  // Only in place of this claim: a later run may have taken the id of the run that waits.
  await redis.replaceField(key, claimKey(envelope), `?${confirmed}`, confirmed, 0);
}
