import { STATUS_CODES } from 'node:http';
import type { HeaderMap, RunGroup, RunStepView, StepError } from '@posthorn/shared';
import { cutBody } from '../engine/log/responses.ts';
import { keyspace } from '../engine/redis/keyspace.ts';
import { runKeys } from './run-keys.ts';
import type { RunLogEntry } from './run-log.ts';
import type { RunParts } from './run-parts.ts';
import type { Run, RunFailure } from './runs.ts';
import { parseWaiter } from './stored-waiter.ts';

/** The messages of the run that have not ended, or had not when the run ended. */
export async function readPending(
  { shards }: RunParts,
  run: Run,
  entries: readonly RunLogEntry[],
): Promise<Set<string>> {
  if (run.state !== 'RUN_STARTED') return new Set(run.pending);
  const some = entries.slice(-maxPending);
  const exist = await Promise.all(some.map(({ messageId }) => shards.at(run.shard).exists(messageId)));
  return new Set(some.filter((_, index) => exist[index]).map(({ messageId }) => messageId));
}

/** Messages of a run that may be on their way at a time, for the view. */
const maxPending = 200;

/** Steps that wait for an event. */
export async function readWaiting({ redis }: RunParts, run: Run): Promise<RunStepView[]> {
  if (run.state !== 'RUN_STARTED') return [];
  const key = runKeys.waiters(run.shard, run.name);
  const fields = await redis.hkeys(key);
  const views: RunStepView[] = [];
  for (let from = 0; from < fields.length; from += waitersAtOnce) {
    const texts = await redis.hmget(key, ...fields.slice(from, from + waitersAtOnce));
    views.push(...texts.flatMap((text) => (text === null ? [] : [viewWaiting(run, text)])));
  }
  return views;
}

/** Waiters that are read at once: each may have many headers. */
const waitersAtOnce = 50;

function viewWaiting(run: Run, text: string): RunStepView {
  const { timeoutId, waiter } = parseWaiter(text);
  const { step, eventId, timeout, deadline, createdAt = run.createdAt } = waiter;
  return {
    stepId: step.stepId,
    stepName: step.stepName,
    stepType: step.stepType,
    callType: 'step',
    messageId: timeoutId,
    concurrent: step.concurrent,
    state: 'STEP_PROGRESS',
    createdAt,
    headers: {},
    retries: run.config.maxRetries,
    waitEventId: eventId,
    waitTimeoutDuration: timeout,
    waitTimeoutDeadline: deadline,
    waitTimeout: false,
  };
}

type NextStep = Extract<RunGroup, { type: 'next' }>['steps'][number];

/** The deliveries that go on now, or were given up with the run. */
export async function viewNext(
  parts: RunParts,
  run: Run,
  entries: readonly RunLogEntry[],
  pending: ReadonlySet<string>,
): Promise<NextStep[]> {
  if (run.state === 'RUN_SUCCESS') return [];
  const steps = new Map<string, NextStep>();
  const limit = createErrorLimit();
  const isFailure = ({ messageId }: RunLogEntry) => messageId === run.failure?.messageId;
  // What failed the run is shown in any case, so that the limit counts it first.
  for (const entry of [...entries.filter(isFailure), ...entries]) {
    const { messageId, retries, retryDelay, notBefore } = entry;
    const isFailed = isFailure(entry);
    if (steps.has(messageId)) continue;
    if (!isFailed && !pending.has(messageId)) continue;
    const { errors, next } = await readErrors(parts, run.shard, messageId);
    // The run has the response that failed it: the log of the message may not have it yet, or without its body.
    if (isFailed && run.failure) addFailure(errors, run, run.failure);
    const shown = limit(errors);
    const nextDeliveryTime = next ?? notBefore;
    const isOver = run.state !== 'RUN_STARTED';
    steps.set(messageId, {
      messageId,
      state: isFailed ? 'STEP_FAILED' : isOver ? 'STEP_CANCELED' : errors.length > 0 ? 'STEP_RETRY' : 'STEP_PROGRESS',
      retries,
      ...(retryDelay === undefined ? {} : { retryDelay }),
      ...(nextDeliveryTime === undefined || isOver ? {} : { nextDeliveryTime }),
      ...(shown.length > 0 ? { errors: shown } : {}),
    });
  }
  return entries.flatMap(({ messageId }) => steps.get(messageId) ?? []);
}

/** Bytes of headers and bodies of all failed attempts that the view of a run shows. */
const maxErrorBytes = 1024 * 1024;

/** Limits what the errors of a view have together: the newest of a message come first, and of its body the beginning. */
export function createErrorLimit(): (errors: readonly StepError[]) => StepError[] {
  let left = maxErrorBytes;
  const limit = (error: StepError): StepError => {
    const headerBytes = Buffer.byteLength(JSON.stringify(error.headers));
    if (headerBytes > left) return { ...error, headers: {}, body: '' };
    const body = Buffer.from(error.body);
    const shown = cutBody(body, left - headerBytes);
    left -= headerBytes + shown.length;
    return shown.length === body.length ? error : { ...error, body: shown.toString('utf8') };
  };
  return (errors) => [...errors].reverse().map(limit).reverse();
}

/** The failed attempts at a message, and the time of the attempt that follows the last of them. */
export async function readErrors(
  { redis }: RunParts,
  shard: number,
  messageId: string,
): Promise<{ errors: StepError[]; next?: number }> {
  const fields = await redis.hgetall(keyspace.messageLog(shard, messageId));
  const errors: StepError[] = [];
  let next: number | undefined;
  for (let retried = 0; fields[`${retried}:error`] !== undefined; retried++) {
    const failure = JSON.parse(fields[`${retried}:error`] ?? '{}') as {
      time: number;
      error: string;
      errorKind?: string;
      status: number;
      header: HeaderMap;
      body?: string;
    };
    const retry = fields[`${retried}:retry`];
    next = retry === undefined ? undefined : (JSON.parse(retry) as { next: number }).next;
    errors.push(toStepError(failure, failure.body ?? '', failure.time));
  }
  return { errors, ...(next === undefined ? {} : { next }) };
}

function addFailure(errors: StepError[], run: Run, failure: RunFailure): void {
  const described = toStepError(failure, failure.bodyBase64, run.completedAt ?? run.createdAt);
  const logged = errors.length > failure.retried ? errors.at(-1) : undefined;
  if (logged === undefined) errors.push(described);
  else if (logged.body === '') logged.body = described.body;
}

function toStepError(
  { status, header, error }: Pick<RunFailure, 'status' | 'header' | 'error'>,
  bodyBase64: string,
  time: number,
): StepError {
  const isOwn = !error.startsWith('the destination answered');
  return {
    status,
    headers: header,
    body: Buffer.from(bodyBase64, 'base64').toString('utf8'),
    error: isOwn ? error : `${status} ${STATUS_CODES[status] ?? ''}`.trim(),
    time,
  };
}
