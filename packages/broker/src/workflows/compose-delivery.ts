import { decodeHeaderMap, encodeHeaderText, hidePassword, type HeaderMap, type RunMessage } from '@posthorn/shared';
import type { Composed } from '../delivery/run-attempts.ts';
import type { Delivery } from '../engine/shards/shard.ts';
import { runKeys } from './run-keys.ts';
import { isReadAtOnce, readElement, readEntry, readLogUpTo } from './run-log.ts';
import type { RunParts } from './run-parts.ts';
import { readRecords, type Run, type RunFailure } from './runs.ts';
import { expireWaiter, resumeFromKept } from './waiters.ts';

const protocolVersion = ['1'];
const yes = ['true'];
const no = ['false'];

const isOver: Composed = { dropped: 'the run is over' };
const isDone: Composed = { dropped: 'what it leads to was accepted' };

/** Makes headers and body of an attempt from the log of the run (contract W6). */
export async function composeDelivery(
  parts: RunParts,
  delivery: Delivery & { message: { workflow: RunMessage } },
): Promise<Composed> {
  const { workflow } = delivery.message;
  const { runId, createdAt, kind } = workflow;
  const { runs } = parts;
  if (kind === 'failure') return composeFailure(parts, delivery);
  const { shard } = runs.locate(runId);
  // A message may come again although its work is done: after an attempt whose end Redis did not store, or because it was
  // created again under its id.
  const { start = 0, end = 0 } = workflow;
  const position = kind === 'wait' ? await expireWaiter(parts, delivery.id, workflow) : { start, end };
  if (!position) return { dropped: 'the event came before the deadline' };
  // The state is read behind the log: a log that a later run has put there is not delivered.
  const composing = compose(parts, shard, delivery, position);
  if (!isReadAtOnce(position.end)) await composing;
  const [composed, [state, created], hasDone] = await Promise.all([
    composing,
    parts.redis.hmget(runKeys.run(shard, runId), 'state', 'createdAt'),
    hasDoneItsWork(parts, shard, delivery.id, workflow),
  ]);
  const isCurrent = state === 'RUN_STARTED' && created === String(createdAt);
  if (!isCurrent) return isOver;
  return hasDone ? dropDone(parts, workflow) : composed;
}

/** Drops a message whose work is done. Data that was kept for a wait may not have resumed it yet. */
async function dropDone(parts: RunParts, { runId, createdAt }: RunMessage): Promise<Composed> {
  await resumeFromKept(parts, { runId, createdAt });
  return isDone;
}

async function compose(
  { redis, runLimits }: RunParts,
  shard: number,
  { message }: Delivery & { message: { workflow: RunMessage } },
  { start, end }: { start: number; end: number },
): Promise<Composed> {
  const { kind, runId, isLazy } = message.workflow;
  if (kind === 'call' || kind === 'callback') {
    const element = await readElement(redis, shard, runId, { start, end });
    if (!element) return isOver;
    const header = kind === 'call' ? message.header : { ...message.header, ...describeRun(message, 'fromCallback') };
    return { header, body: element.body };
  }
  const header = { ...message.header, ...describeRun(message, 'step') };
  const { lazyBytes } = runLimits;
  if (isLazy && lazyBytes >= 0 && end + 1 > lazyBytes) return { header, body: Buffer.alloc(0) };
  const body = await readLogUpTo(redis, shard, runId, end);
  return body === undefined ? isOver : { header, body };
}

type WorkflowMessage = Delivery['message'] & { workflow: RunMessage };

/** The headers by which an endpoint knows what it gets. */
function describeRun(
  { workflow, labels, maxRetries, url }: WorkflowMessage,
  callType: 'step' | 'fromCallback' | 'failureCall',
  workflowUrl = url,
): HeaderMap {
  const isStep = callType === 'step';
  return {
    'Upstash-Workflow-Runid': [workflow.runId],
    'Upstash-Workflow-Createdat': [String(workflow.createdAt)],
    'Upstash-Workflow-Init': workflow.kind === 'init' ? yes : no,
    'Upstash-Workflow-Url': [workflowUrl],
    'Upstash-Workflow-Calltype': [callType],
    ...(isStep && !workflow.isUnknownSdk ? { 'Upstash-Workflow-Sdk-Version': protocolVersion } : {}),
    ...(workflow.isUnknownSdk ? { 'Upstash-Workflow-Unknown-Sdk': yes } : {}),
    ...(labels ? { 'Upstash-Label': [encodeHeaderText(labels.join(','))] } : {}),
    ...(isStep ? { 'Upstash-Retries': [String(maxRetries)] } : {}),
  };
}

/** More steps side by side than this are not looked at: a repeated delivery then repeats what follows them. */
const maxConcurrent = 200;

/** Whether what a delivery of this message leads to was accepted already: only its response was lost. */
export async function hasDoneItsWork(
  { redis }: Pick<RunParts, 'redis'>,
  shard: number,
  id: string,
  workflow: RunMessage,
): Promise<boolean> {
  const { kind, runId, step = { id: 0, concurrent: 1 } } = workflow;
  // Without the number of the step it is not known what the step leads to.
  if (kind === 'step' && !workflow.step) return false;
  const key = runKeys.steps(shard, runId);
  if (kind === 'call') return (await redis.hexists(key, `callback:${id}`)) === 1;
  if (kind === 'callback') return (await redis.hexists(key, `result:${step.id}`)) === 1;
  // A plan leads to its own step, a result to the first one behind all that run beside it.
  const isPlan = workflow.isPlan === true;
  let next = step.id + (isPlan ? 0 : 1);
  if (!isPlan && step.concurrent > 1) {
    if (step.concurrent > maxConcurrent) return false;
    const plans = Array.from({ length: step.concurrent }, (_, index) => `plan:${step.id + index}`);
    const missing = (await redis.hmget(key, ...plans)).indexOf(null);
    next = step.id + (missing < 0 ? step.concurrent : Math.max(1, missing));
  }
  const names = ['result', 'call', 'wait', 'invoke', ...(isPlan ? [] : ['plan'])].map((name) => `${name}:${next}`);
  const values = await redis.hmget(key, ...names);
  // An invocation that is only claimed may not have begun.
  return values.some((value) => value !== null && !value.startsWith('?'));
}

/** What a failure callback gets (contract W18). */
async function composeFailure(
  parts: RunParts,
  { message }: Delivery & { message: { workflow: RunMessage } },
): Promise<Composed> {
  const { redis, runs, reportGate } = parts;
  const { runId, createdAt } = message.workflow;
  const run = await runs.read(runId, createdAt);
  if (!run?.failure || run.failureCallback?.state === 'CALLBACK_CANCELED') return isOver;
  const { failure, config } = run;
  const position = await readRecords(redis, run, (named) => readEntry(redis, named, 0));
  const payloadBytes = position ? position.end - position.start : 0;
  const makeBody = async () => {
    const payload = (await readPayload(redis, run)) ?? Buffer.alloc(0);
    // Bytes, not text: the body of an attempt is kept outside of the heap.
    return Buffer.from(JSON.stringify(describeFailure(run, failure, payload)));
  };
  const body = await reportGate(payloadBytes + failure.bodyBase64.length, makeBody);
  const header = {
    ...message.header,
    ...describeRun(message, 'failureCall', config.url),
    'Upstash-Workflow-Is-Failure': yes,
    'Upstash-Workflow-Failure-Callback': yes,
  };
  return { header, body };
}

function describeFailure({ runId, createdAt, config, dlqId }: Run, failure: RunFailure, payload: Buffer) {
  return {
    status: failure.status,
    header: failure.header,
    body: failure.bodyBase64,
    retried: failure.retried,
    maxRetries: failure.maxRetries,
    sourceMessageId: failure.messageId,
    url: hidePassword(config.url),
    method: 'POST',
    sourceHeader: decodeHeaderMap(config.initHeader),
    sourceBody: payload.toString('base64'),
    notBefore: createdAt,
    createdAt,
    callerIP: config.callerIp,
    ...(dlqId === undefined ? {} : { dlqId }),
    workflowRunId: runId,
    workflowCreatedAt: createdAt,
  };
}

/** The payload of a run: the body of its first element. */
export function readPayload(redis: RunParts['redis'], run: Run): Promise<Buffer | undefined> {
  return readRecords(redis, run, async (named) => {
    const position = await readEntry(redis, named, 0);
    return position && (await readElement(redis, named.shard, named.name, position))?.body;
  });
}
