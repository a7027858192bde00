import {
  decodeHeaderMap,
  findResponseHeader,
  hidePassword,
  nonRetryableStatus,
  type DestinationResponse,
  type Failure,
  type HeaderMap,
  type Outcome,
} from '@posthorn/shared';
import { flowLane } from '../engine/lanes/lanes.ts';
import { cutBody, cutResponse, shortenResponse } from '../engine/log/responses.ts';
import { deriveId } from '../engine/shards/derive-id.ts';
import { estimateRequestBytes } from '../delivery/request-bytes.ts';
import type { RunDelivery } from '../delivery/run-attempts.ts';
import { hasDoneItsWork } from './compose-delivery.ts';
import { failForRoom, failRun } from './end-run.ts';
import { createEntry } from './run-entry.ts';
import { runKeys } from './run-keys.ts';
import { readElement } from './run-log.ts';
import type { RunParts } from './run-parts.ts';
import type { FailureCallbackState, Run } from './runs.ts';

const sdkVersionName = 'upstash-workflow-sdk-version';
const sdkName = 'upstash-workflow-sdk';
const notFoundName = 'upstash-workflow-failure-callback-notfound';

const noWorkflow =
  'detected a non-workflow destination for trigger/invoke. make sure you are sending the request to the correct endpoint';
const oldSdk = 'trigger rest api is only usable with sdk versions after v1.0.0 major version';

/**
 * What a response means for a message of a run, beyond what it means for any message: an endpoint that is no workflow
 * fails the run at once, and so does a result of a call that the server itself refused.
 */
export async function judgeRunOutcome(
  { redis, runs }: RunParts,
  delivery: RunDelivery,
  outcome: Outcome,
): Promise<Outcome> {
  const { workflow } = delivery.message;
  const { kind, runId, detectsWorkflow, isUnknownSdk, step } = workflow;
  if (outcome.kind === 'delivered' && kind === 'init') {
    const { response } = outcome;
    const fail = (error: string): Outcome => ({ kind: 'failed', response, error, errorKind: 'http' });
    if ((detectsWorkflow || isUnknownSdk) && !findResponseHeader(response, sdkVersionName)) return fail(noWorkflow);
    if (isUnknownSdk && !findResponseHeader(response, sdkName)) return fail(oldSdk);
  }
  if (outcome.kind === 'retry' && kind === 'callback') {
    const { shard } = runs.locate(runId);
    const [ofStep, ofAny] = await Promise.all([
      redis.hget(runKeys.steps(shard, runId), `refused:${step?.id ?? 0}`),
      redis.hget(runKeys.run(shard, runId), 'refused'),
    ]);
    const error = ofStep ?? ofAny;
    if (error)
      return { kind: 'failed', response: { ...outcome.response, body: Buffer.from(error) }, error, errorKind: 'http' };
  }
  if (outcome.kind === 'failed' && isRepeatable(outcome.response) && kind !== 'call' && kind !== 'failure') {
    // What the workflow does next was accepted: only the response to this delivery was lost, at its last attempt.
    const { shard } = runs.locate(runId);
    if (await hasDoneItsWork({ redis }, shard, delivery.id, workflow)) return { ...outcome, kind: 'canceled' };
  }
  return outcome;
}

/** An endpoint that wants no other attempt says so with this status, whatever it has done before. */
const isRepeatable = ({ status }: DestinationResponse) => status !== nonRetryableStatus;

/**
 * The server has refused the result of a call: its delivery is not tried again (contract W10). It is noted for calls that
 * the run has made, so that requests which are refused take no memory.
 *
 * @param stepId `undefined` for a request that was too large to be read
 */
export async function noteRefusal(
  { redis, runs }: RunParts,
  runId: string,
  stepId: number | undefined,
  text: string,
): Promise<void> {
  const { shard } = runs.locate(runId);
  const reason = text.slice(0, 1000);
  if (stepId === undefined) await redis.setField(runKeys.run(shard, runId), 'state', 'refused', reason);
  else await redis.setField(runKeys.steps(shard, runId), `call:${stepId}`, `refused:${stepId}`, reason);
}

/**
 * Carries an outcome out for the run, before its message ends. Doing it twice changes nothing.
 *
 * @param maxStoredBytes bytes of the body of a response that are kept of a failure; 0 keeps no headers either
 * @param maxResultBytes bytes of the response to a call, and of its request, that its result contains
 */
export async function settleRunOutcome(
  parts: RunParts,
  delivery: RunDelivery,
  outcome: Exclude<Outcome, { kind: 'deferred' }>,
  maxStoredBytes: number,
  maxResultBytes = Infinity,
): Promise<void> {
  const { kind } = delivery.message.workflow;
  if (outcome.kind === 'retry' || outcome.kind === 'canceled') return;
  if (kind === 'call') await appendCallResult(parts, delivery, outcome, maxResultBytes);
  else if (kind === 'failure') await noteFailureCallback(parts, delivery, outcome, maxStoredBytes);
  else if (outcome.kind === 'failed') await failRunOf(parts, delivery, outcome, maxStoredBytes);
}

async function failRunOf(
  parts: RunParts,
  delivery: RunDelivery,
  { response, error }: Failure,
  maxStoredBytes: number,
): Promise<void> {
  const { id, message, retried } = delivery;
  const kept = cutResponse(response, maxStoredBytes);
  const body = response.status === 0 ? Buffer.from(error) : kept.body;
  await failRun(
    parts,
    message.workflow,
    {
      messageId: id,
      status: response.status,
      header: kept.header,
      bodyBase64: body.toString('base64'),
      error,
      retried,
      maxRetries: message.maxRetries,
    },
    message.workflow.failureCallback,
  );
}

interface CallOutcome {
  response: DestinationResponse;
  error?: string;
}

/** The request of a call has its last response, or none: the endpoint gets it (contract W9). */
async function appendCallResult(
  parts: RunParts,
  delivery: RunDelivery,
  { response, error }: CallOutcome,
  maxBytes: number,
): Promise<void> {
  const kept = maxBytes === Infinity ? response : shortenResponse(response, maxBytes);
  const bytes = kept.body.length + estimateRequestBytes(delivery.message);
  const outcome = { response: kept, ...(error === undefined ? {} : { error }) };
  await parts.reportGate(bytes, () => makeCallResult(parts, delivery, outcome, maxBytes));
}

async function makeCallResult(
  parts: RunParts,
  delivery: RunDelivery,
  { response, error }: CallOutcome,
  maxBytes: number,
): Promise<void> {
  const { redis, runs, scripts, runLimits, lanes } = parts;
  const { id, message, retried } = delivery;
  const { workflow } = message;
  const { runId, createdAt, resultTo, start = 0, end = 0, step } = workflow;
  const run = await runs.read(runId, createdAt);
  if (run?.state !== 'RUN_STARTED' || !resultTo) return;
  const source = await readElement(redis, run.shard, runId, { start, end });
  const text = JSON.stringify({
    status: response.status,
    header: response.header,
    body: (response.status === 0 ? Buffer.from(error ?? '') : Buffer.from(response.body)).toString('base64'),
    retried,
    // SDKs take a failure with retries left for one that is not the last.
    maxRetries: error === undefined ? message.maxRetries : retried,
    sourceMessageId: id,
    url: hidePassword(message.url),
    method: message.method,
    sourceHeader: decodeHeaderMap(message.header),
    sourceBody: source ? cutBody(source.body, maxBytes).toString('base64') : '',
    notBefore: message.notBefore,
    createdAt: message.createdAt,
    callerIP: message.callerIp,
    ...(response.isCut ? { bodyTruncated: true } : {}),
  });
  const flowControl = resultTo.flowControl ?? run.config.flowControl;
  if (flowControl) await lanes.setLimits(flowLane(flowControl), flowControl);
  const now = Date.now();
  const retryDelayExpression = resultTo.retryDelayExpression ?? run.config.retryDelayExpression;
  const messageId = deriveId(id, `${id}:result`);
  const entry = createEntry(
    {
      id: messageId,
      key: `callback:${id}`,
      message: {
        url: resultTo.url,
        method: 'POST',
        header: createResultHeader(run, resultTo.header),
        createdAt: now,
        notBefore: now,
        maxRetries: resultTo.maxRetries ?? run.config.maxRetries,
        timeoutMs: run.config.timeoutMs,
        callerIp: run.config.callerIp,
        ...(retryDelayExpression ? { retryDelayExpression } : {}),
        ...(flowControl ? { flowControl } : {}),
        ...(run.config.labels ? { labels: run.config.labels } : {}),
        ...(run.config.redaction ? { redaction: run.config.redaction } : {}),
      },
      workflow: { runId, createdAt, kind: 'callback', ...(step ? { step } : {}) },
    },
    Buffer.from(text),
    'fromCallback',
  );
  const appended = await scripts.append(runs.locate(runId, createdAt), [entry], runLimits);
  if (appended === 'bytes' || appended === 'steps') await failForRoom(parts, run, id, appended);
}

/** A version of the protocol there would make the SDK take the result for a step. */
function createResultHeader(run: Run, own: HeaderMap): HeaderMap {
  const { 'Upstash-Workflow-Sdk-Version': _, 'Accept-Encoding': _encoding, ...header } = own;
  return { ...run.config.header, ...header, 'Content-Type': ['application/json'] };
}

/** What the failure callback answered (contract W19). */
async function noteFailureCallback(
  { redis, runs }: RunParts,
  { id, message: { workflow } }: RunDelivery,
  outcome: { kind: 'delivered' | 'failed'; response: DestinationResponse },
  maxStoredBytes: number,
): Promise<void> {
  const { runId, createdAt } = workflow;
  const { response, kind } = outcome;
  const isMissing = kind === 'delivered' && findResponseHeader(response, notFoundName)?.toLowerCase() === 'true';
  const { status, header, body } = cutResponse(response, maxStoredBytes);
  const state: FailureCallbackState = {
    messageId: id,
    state: kind === 'delivered' ? 'CALLBACK_SUCCESS' : 'CALLBACK_FAIL',
    status,
    header,
    body: body.toString('utf8'),
  };
  for (;;) {
    const run = await runs.read(runId, createdAt);
    if (run?.failureCallback?.messageId !== id || run.failureCallback.state === 'CALLBACK_CANCELED') return;
    const before = JSON.stringify(run.failureCallback);
    // Only in place of what was read: a client may cancel it in the meantime, and a later run may take the id.
    const key = runKeys.run(run.shard, run.name);
    const text = isMissing ? '' : JSON.stringify(state);
    if ((await redis.replaceField(key, 'failureCallback', before, text, 0)) === 1) return;
  }
}
