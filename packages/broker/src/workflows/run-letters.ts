import { hidePassword, PosthornError, type RunLetter, type Triggered } from '@posthorn/shared';
import { writeHeader } from '../engine/log/message-fields.ts';
import { createHash } from 'node:crypto';
import type { Message } from '@posthorn/shared';
import { readDlqId, compareDlqIds } from '../views/dlq/dlq-list.ts';
import { writeBytes } from '../views/messages/message-view.ts';
import { readPayload } from './compose-delivery.ts';
import { createFailureMessage } from './end-run.ts';
import { announceLimits } from './flow-limits.ts';
import { runKeys } from './run-keys.ts';
import { matchesRun, type RunFilter } from './run-list.ts';
import type { RunParts } from './run-parts.ts';
import { parseName, type FailureCallbackState, type Run } from './runs.ts';

/** Which dead letters of runs are meant. */
export interface LetterFilter extends RunFilter {
  dlqIds?: string[] | undefined;
  failureFunctionState?: string[] | undefined;
  /** 0 stands for none. */
  responseStatus?: number[] | undefined;
  /** The entry behind which to go on. */
  cursor?: string | undefined;
  count: number;
}

/** A page of ids of entries, and where to go on if there may be more. */
export interface LetterPage {
  ids: string[];
  cursor?: string;
}

/** The run of an entry that is there. */
export async function readLetter({ redis, shards, runs }: RunParts, dlqId: string): Promise<Run | undefined> {
  const parsed = readDlqId(dlqId);
  if (!parsed) return undefined;
  const name = await redis.hget(runKeys.dlqRuns(parsed.n % shards.count), dlqId);
  if (!name) return undefined;
  const { runId, createdAt } = parseName(name);
  return runs.read(runId, createdAt);
}

/** The entries that match, oldest first; explicit ids as they are, whether there are such entries or not. */
export async function findLetters(parts: RunParts, filter: LetterFilter): Promise<LetterPage> {
  if (filter.dlqIds) return { ids: [...new Set(filter.dlqIds)] };
  const ids: string[] = [];
  let read = 0;
  let last: string | undefined;
  for await (const id of listLetterIds(parts, filter.cursor)) {
    if (last !== undefined && read++ === maxRead) return { ids, cursor: last };
    const run = await readLetter(parts, id);
    const isMeant = run !== undefined && matchesLetter(run, filter);
    if (isMeant && last !== undefined && ids.length === filter.count) return { ids, cursor: last };
    if (isMeant) ids.push(id);
    last = id;
  }
  return { ids };
}

function matchesLetter(run: Run, filter: LetterFilter): boolean {
  const { failureFunctionState, responseStatus, messageId, fromDate, toDate, ...rest } = filter;
  const failedAt = readDlqId(run.dlqId ?? '')?.ms ?? 0;
  return (
    matchesRun(run, rest) &&
    failedAt >= (fromDate ?? 0) &&
    failedAt <= (toDate ?? Infinity) &&
    (!failureFunctionState || failureFunctionState.includes(run.failureCallback?.state ?? '')) &&
    (!responseStatus || responseStatus.includes(run.failure?.status ?? 0)) &&
    (!messageId || messageId.includes(run.failure?.messageId ?? ''))
  );
}

const pieceSize = 100;
/** Entries that one request looks at; of more it gives a page that may be empty, and where to go on. */
const maxRead = 5000;

async function* listLetterIds({ redis, shards }: RunParts, cursor: string | undefined): AsyncGenerator<string> {
  const after = cursor ? readDlqId(cursor) : undefined;
  const lists = Array.from({ length: shards.count }, (_, shard) => ({
    key: runKeys.dlq(shard),
    offset: 0,
    isDone: false,
    ids: [] as string[],
  }));
  const fill = async (list: (typeof lists)[number]) => {
    while (!list.isDone && list.ids.length === 0) {
      const ids = await redis.zrangebyscore(list.key, after?.ms ?? 0, '+inf', 'LIMIT', list.offset, pieceSize);
      list.offset += ids.length;
      list.isDone = ids.length < pieceSize;
      list.ids = ids.filter((id) => cursor === undefined || compareDlqIds(id, cursor) > 0).sort(compareDlqIds);
    }
  };
  for (;;) {
    await Promise.all(lists.map(fill));
    let first: (typeof lists)[number] | undefined;
    for (const list of lists) {
      const [id] = list.ids;
      if (id !== undefined && (!first || compareDlqIds(id, first.ids[0] ?? '') < 0)) first = list;
    }
    const id = first?.ids.shift();
    if (id === undefined) return;
    yield id;
  }
}

/** Removes entries and gives how many there were. The logs of their runs stay. */
export async function removeLetters({ redis, shards, runs }: RunParts, ids: readonly string[]): Promise<number> {
  let removed = 0;
  for (const id of ids) {
    const parsed = readDlqId(id);
    if (!parsed) continue;
    const shard = parsed.n % shards.count;
    const name = await redis.hget(runKeys.dlqRuns(shard), id);
    removed += await redis.hdel(runKeys.dlqRuns(shard), id);
    await redis.zrem(runKeys.dlq(shard), id);
    const { runId, createdAt } = parseName(name ?? '');
    const run = name ? await runs.read(runId, createdAt) : undefined;
    if (run?.dlqId === id) await redis.hdel(runKeys.run(shard, run.name), 'dlqId');
  }
  return removed;
}

/** An entry as clients see it (contract W20). */
export async function viewLetter({ redis }: RunParts, run: Run): Promise<RunLetter> {
  const { config, failure, failureCallback } = run;
  const payload = (await readPayload(redis, run)) ?? Buffer.alloc(0);
  const shown = { ...(config.redaction ? { redaction: config.redaction } : {}) } as Message;
  const body = config.redaction?.body
    ? { body: `REDACTED:${createHash('sha256').update(payload).digest('hex')}` }
    : writeBytes(payload, 'body', 'bodyBase64');
  const response = Buffer.from(failure?.bodyBase64 ?? '', 'base64');
  const callback = config.failureCallback;
  return {
    dlqId: run.dlqId ?? '',
    messageId: failure?.messageId ?? '',
    workflowRunId: run.runId,
    workflowCreatedAt: run.createdAt,
    workflowUrl: hidePassword(config.url),
    url: hidePassword(config.url),
    method: 'POST',
    ...writeHeader(shown, 'header', config.initHeader),
    ...body,
    maxRetries: config.maxRetries,
    notBefore: run.createdAt,
    createdAt: readDlqId(run.dlqId ?? '')?.ms ?? run.createdAt,
    callerIP: config.callerIp,
    callerIp: config.callerIp,
    ...(config.labels?.[0] === undefined ? {} : { label: config.labels[0], labels: config.labels }),
    ...(config.flowControl ? { flowControlKey: config.flowControl.key } : {}),
    responseStatus: failure?.status ?? 0,
    ...(failure && Object.keys(failure.header).length > 0 ? { responseHeader: failure.header } : {}),
    ...writeBytes(response, 'responseBody', 'responseBodyBase64'),
    ...(failure ? { error: failure.error } : {}),
    ...(callback ? { failureCallback: hidePassword(callback.url) } : {}),
    ...(callback ? writeHeader(shown, 'failureCallbackHeader', callback.header) : {}),
    ...(failureCallback ? { failureCallbackInfo: viewCallback(failureCallback) } : {}),
  };
}

function viewCallback({
  state,
  status,
  header,
  body,
}: FailureCallbackState): NonNullable<RunLetter['failureCallbackInfo']> {
  return {
    state,
    ...(status === undefined ? {} : { responseStatus: status }),
    ...(body === undefined ? {} : { responseBody: body }),
    ...(header === undefined ? {} : { responseHeaders: header }),
  };
}

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
  const place = { shard: run.shard, runId: run.name, createdAt: run.createdAt };
  const change = { before: JSON.stringify(failureCallback), now: JSON.stringify(state) };
  if ((await scripts.send(place, message, 'failureCallback', change)) === 'changed') {
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
