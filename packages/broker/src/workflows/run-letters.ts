import { createHash } from 'node:crypto';
import { hidePassword, type Message, type RunLetter } from '@posthorn/shared';
import { formatHeader } from '../engine/log/message-fields.ts';
import { parseDlqId, compareDlqIds } from '../views/dlq/dlq-list.ts';
import { formatBytes } from '../views/messages/message-view.ts';
import { readPayload } from './compose-delivery.ts';
import { runKeys } from './run-keys.ts';
import { readEntry } from './run-log.ts';
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
  const parsed = parseDlqId(dlqId);
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
  const cursor = await takeLetters(parts, filter, (_, id) => {
    if (ids.length === filter.count) return false;
    ids.push(id);
    return true;
  });
  return { ids, ...cursor };
}

/**
 * A page of entries that match, oldest first. It ends after about so many bytes as well, but an entry that is larger has a
 * page of its own. Entries that are named by their ids have no next page: of those that do not fit the bodies are left out.
 */
export async function listLetters(
  parts: RunParts,
  filter: LetterFilter,
  maxBytes: number,
): Promise<{ messages: RunLetter[]; cursor?: string }> {
  const messages: RunLetter[] = [];
  let bytes = 0;
  const add = async (run: Run, isShown: boolean) => {
    const view = await viewLetter(parts, run, isShown);
    bytes += Buffer.byteLength(JSON.stringify(view));
    messages.push(view);
  };
  const hasRoom = async (run: Run) => messages.length === 0 || bytes + (await readViewSize(parts, run)) <= maxBytes;

  if (filter.dlqIds) {
    for (const id of new Set(filter.dlqIds)) {
      const run = await readLetter(parts, id);
      if (run) await add(run, await hasRoom(run));
    }
    return { messages };
  }
  const cursor = await takeLetters(parts, filter, async (run) => {
    if (messages.length === filter.count || !(await hasRoom(run))) return false;
    await add(run, true);
    return true;
  });
  return { messages, ...cursor };
}

/**
 * Gives the entries that match one after the other, until one is not taken, which the first always must be, or enough were
 * looked at.
 *
 * @returns where to go on, unless all were taken
 */
async function takeLetters(
  parts: RunParts,
  filter: LetterFilter,
  take: (run: Run, id: string) => boolean | Promise<boolean>,
): Promise<{ cursor?: string }> {
  let read = 0;
  let last: string | undefined;
  for await (const id of listLetterIds(parts, filter.cursor)) {
    if (last !== undefined && read++ === maxRead) return { cursor: last };
    const run = await readLetter(parts, id);
    const isTaken = !run || !matchesLetter(run, filter) || (await take(run, id));
    if (!isTaken) return last === undefined ? {} : { cursor: last };
    last = id;
  }
  return {};
}

function matchesLetter(run: Run, filter: LetterFilter): boolean {
  const { failureFunctionState, responseStatus, messageId, fromDate, toDate, ...rest } = filter;
  const failedAt = parseDlqId(run.dlqId ?? '')?.ms ?? 0;
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
  const after = cursor ? parseDlqId(cursor) : undefined;
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
export async function removeLetters({ shards, scripts }: RunParts, ids: readonly string[]): Promise<number> {
  let removed = 0;
  for (const id of ids) {
    const parsed = parseDlqId(id);
    if (parsed) removed += await scripts.removeLetter(parsed.n % shards.count, id);
  }
  return removed;
}

/** About the bytes that an entry takes in a response. */
async function readViewSize({ redis }: RunParts, run: Run): Promise<number> {
  const { config, failure, failureCallback } = run;
  const payload = await readEntry(redis, run, 0);
  const headers = [config.initHeader, config.failureCallback?.header, failure?.header, failureCallback];
  return (
    (payload ? payload.end - payload.start : 0) + (failure?.bodyBase64.length ?? 0) + JSON.stringify(headers).length
  );
}

/**
 * An entry as clients see it (contract W20).
 *
 * @param isShown with its bodies
 */
export async function viewLetter({ redis }: RunParts, run: Run, isShown = true): Promise<RunLetter> {
  const { config, failure, failureCallback } = run;
  const payload = (isShown ? await readPayload(redis, run) : undefined) ?? Buffer.alloc(0);
  const shown = { ...(config.redaction ? { redaction: config.redaction } : {}) } as Message;
  const body = !isShown
    ? { bodyTruncated: true as const }
    : config.redaction?.body
      ? { body: `REDACTED:${createHash('sha256').update(payload).digest('hex')}` }
      : formatBytes(payload, 'body', 'bodyBase64');
  const response = Buffer.from((isShown ? failure?.bodyBase64 : undefined) ?? '', 'base64');
  const callback = config.failureCallback;
  return {
    dlqId: run.dlqId ?? '',
    messageId: failure?.messageId ?? '',
    workflowRunId: run.runId,
    workflowCreatedAt: run.createdAt,
    workflowUrl: hidePassword(config.url),
    url: hidePassword(config.url),
    method: 'POST',
    ...formatHeader(shown, 'header', config.initHeader),
    ...body,
    maxRetries: config.maxRetries,
    notBefore: run.createdAt,
    createdAt: parseDlqId(run.dlqId ?? '')?.ms ?? run.createdAt,
    callerIP: config.callerIp,
    callerIp: config.callerIp,
    ...(config.labels?.[0] === undefined ? {} : { label: config.labels[0], labels: config.labels }),
    ...(config.flowControl ? { flowControlKey: config.flowControl.key } : {}),
    responseStatus: failure?.status ?? 0,
    ...(failure && Object.keys(failure.header).length > 0 ? { responseHeader: failure.header } : {}),
    ...formatBytes(response, 'responseBody', 'responseBodyBase64'),
    ...(!isShown && failure?.bodyBase64 ? { responseBodyTruncated: true } : {}),
    ...(failure ? { error: failure.error } : {}),
    ...(callback ? { failureCallback: hidePassword(callback.url) } : {}),
    ...(callback ? formatHeader(shown, 'failureCallbackHeader', callback.header) : {}),
    ...(failureCallback ? { failureCallbackInfo: viewCallback(failureCallback, isShown) } : {}),
  };
}

function viewCallback(
  { state, status, header, body }: FailureCallbackState,
  isShown: boolean,
): NonNullable<RunLetter['failureCallbackInfo']> {
  return {
    state,
    ...(status === undefined ? {} : { responseStatus: status }),
    ...(body === undefined || !isShown ? {} : { responseBody: body }),
    ...(header === undefined ? {} : { responseHeaders: header }),
  };
}
