import { createHash } from 'node:crypto';
import { PosthornError, type HeaderMap, type Message, type RunMessage, type Triggered } from '@posthorn/shared';
import { storeRun } from './accept-run.ts';
import { readPayload } from './compose-delivery.ts';
import { keepRunHeaders, checkOptions, type Checked, type RunConfig } from './run-config.ts';
import { createEntry, type NewRunMessage } from './run-entry.ts';
import { runKeys } from './run-keys.ts';
import { readLetter, removeLetters } from './run-letters.ts';
import { readElement, readEntries, type LogEntry } from './run-log.ts';
import type { RunParts } from './run-parts.ts';
import { createTooManyRuns, maxRunsOfShard } from './run-room.ts';
import type { Run } from './runs.ts';
import { parseStepHead, stepKey, stepNumber, type StepHead } from './step-text.ts';

/** A copy of a log that no run has confirmed expires after this time: the process died while it was made. */
const unconfirmedMs = 3_600_000;
const pieceBytes = 1024 * 1024;

/**
 * Begins failed runs again, as new runs: from their first step, or at the one that failed. Each entry leaves the dead
 * letter queue when its new run is stored. Doing it again after a crash makes the same run.
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
    const config = override(run.config, checked);
    const createdAt = Date.now();
    if (mode === 'restart') await restart(parts, run, runId, createdAt, config, checked);
    else await resume(parts, run, runId, createdAt, config, checked);
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

async function restart(
  parts: RunParts,
  run: Run,
  runId: string,
  createdAt: number,
  config: RunConfig,
  checked: Checked,
): Promise<void> {
  const payload = await readPayload(parts.redis, run);
  if (!payload) throw isGone(run);
  const id = parts.runs.newMessageId(runId);
  const made = createRepeated(config, { runId, createdAt, id, kind: 'init', header: config.initHeader }, checked);
  if (config.features.includes('WF_DetectTrigger')) made.workflow.detectsWorkflow = true;
  await storeRun(parts, { runId, createdAt }, config, made, payload);
}

function isGone({ runId }: Run): PosthornError {
  return new PosthornError('not_found', `the step log of workflow run ${runId} is not there (any more)`);
}

/** A message of the run as its configuration makes it. */
function createRepeated(
  config: RunConfig,
  one: { runId: string; createdAt: number; id: string; kind: RunMessage['kind']; header: HeaderMap },
  { template }: Pick<Checked, 'template'>,
): NewRunMessage {
  const { runId, createdAt, id, kind, header } = one;
  const { maxRetries, timeoutMs, callerIp, retryDelayExpression, flowControl, labels, redaction, features } = config;
  const contentType = header['Content-Type'] ?? ['application/json'];
  const own: HeaderMap = kind === 'callback' ? header : { ...config.header, ...keepRunHeaders(header) };
  const now = Date.now();
  const message: Omit<Message, 'body' | 'workflow'> = {
    url: config.url,
    method: 'POST',
    header: { ...own, 'Content-Type': contentType },
    createdAt: now,
    notBefore: Math.max(now, now + template.notBefore - template.createdAt),
    maxRetries,
    timeoutMs,
    callerIp,
    ...(retryDelayExpression ? { retryDelayExpression } : {}),
    ...(flowControl ? { flowControl } : {}),
    ...(labels ? { labels } : {}),
    ...(redaction ? { redaction } : {}),
  };
  const isLazy = kind !== 'callback' && features.includes('LazyFetch');
  return {
    id,
    key: '',
    message,
    workflow: { runId, createdAt, kind, ...(isLazy ? { isLazy } : {}) },
    ownHeader: header,
  };
}

/** An element with what its body says. */
interface Known {
  entry: LogEntry;
  index: number;
  head: StepHead | undefined;
}

/** Copies the log, and delivers the message that failed, and plans without a result, again. */
async function resume(
  parts: RunParts,
  run: Run,
  runId: string,
  createdAt: number,
  config: RunConfig,
  checked: Checked,
): Promise<void> {
  const { redis, runs, scripts } = parts;
  const entries = await readEntries(redis, run.shard, run.name);
  if (entries.length === 0) throw isGone(run);
  const known: Known[] = [];
  for (const [index, entry] of entries.entries()) {
    const body =
      index > 0 && entry.callType === 'step' ? await readElement(redis, run.shard, run.name, entry) : undefined;
    known.push({ entry, index, head: body && parseStepHead(body.body) });
  }
  const { steps, again } = findUnfinished(run, known);
  const newIds = new Map(again.map(({ entry }) => [entry.messageId, runs.newMessageId(runId)]));
  const place = runs.placeOf(runId, createdAt);
  await copyLog(parts, run, { ...place, newIds, entries, steps });

  const messages = again.map(({ entry, index, head }) => {
    const kind = index === 0 ? 'init' : entry.callType === 'fromCallback' ? 'callback' : 'step';
    const id = newIds.get(entry.messageId) ?? '';
    const made = createRepeated(
      config,
      { runId, createdAt, id, kind, header: index === 0 ? config.initHeader : entry.header },
      checked,
    );
    const { start, end } = entry;
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
    phase: 'known',
    initId: newIds.get(entries[0]?.messageId ?? '') ?? entries[0]?.messageId ?? '',
  };
  const result = await scripts.resume(place, fields, messages, maxRunsOfShard(parts));
  if (result === 'full') throw createTooManyRuns(parts.runLimits);
}

/** What the run has accepted once, without what will be done again; and the messages that are delivered again. */
function findUnfinished(run: Run, known: readonly Known[]): { steps: string[]; again: Known[] } {
  const failedId = run.failure?.messageId;
  const results = new Set(known.flatMap(({ head }) => (head && head.stepId > 0 ? [head.stepId] : [])));
  const failed = known.find(({ entry }) => entry.messageId === failedId);
  const failedCall = failed?.entry.callType === 'fromCallback' ? failed.entry.stepId : undefined;
  const steps: string[] = [];
  for (const { entry, head } of known) {
    const { messageId, callType, stepId } = entry;
    if (callType === 'step' && head) steps.push(stepKey(head, Buffer.alloc(0)), messageId);
    const isKept = stepId !== undefined && (results.has(stepId) || stepId === failedCall);
    if (callType === 'toCallback' && isKept) steps.push(`call:${stepId}`, messageId);
  }
  const again = known.filter(({ entry, head }) => {
    if (entry.messageId === failedId) return true;
    const target = head?.stepId === 0 ? head.targetStep : undefined;
    return target !== undefined && !results.has(target) && target !== failedCall;
  });
  // A failure that no message has caused, such as a log without room: the last step is delivered again.
  const [last] = known.slice(-1);
  return { steps, again: again.length > 0 || !last ? again : [last] };
}

/** Copies a log in pieces, with other message ids in place of some. */
async function copyLog(
  { redis }: RunParts,
  run: Run,
  copy: {
    shard: number;
    runId: string;
    newIds: ReadonlyMap<string, string>;
    entries: readonly LogEntry[];
    steps: readonly string[];
  },
): Promise<void> {
  const { shard, runId, newIds, entries, steps } = copy;
  const from = runKeys.log(run.shard, run.name);
  const keys = {
    log: runKeys.log(shard, runId),
    entries: runKeys.entries(shard, runId),
    steps: runKeys.steps(shard, runId),
  };
  // What a copy that was not finished has left.
  await redis.unlink(keys.log);
  await redis.unlink(keys.entries);
  await redis.unlink(keys.steps);
  const copyRange = async (start: number, end: number) => {
    for (let at = start; at < end; at += pieceBytes) {
      const piece = await redis.getrange(from, at, Math.min(at + pieceBytes, end) - 1);
      await redis.append(keys.log, piece);
      await redis.pexpire(keys.log, unconfirmedMs);
    }
  };
  let copied = 0;
  for (const { messageId, start } of entries) {
    const newId = newIds.get(messageId);
    if (newId === undefined) continue;
    const idAt = start + '{"messageId":"'.length;
    await copyRange(copied, idAt);
    await redis.append(keys.log, newId);
    copied = idAt + newId.length;
  }
  await copyRange(copied, entries.at(-1)?.end ?? 0);
  const texts = await redis.lrange(runKeys.entries(run.shard, run.name), 0, -1);
  for (let at = 0; at < texts.length; at += 500) {
    const some = texts
      .slice(at, at + 500)
      .map((text) =>
        text.replace(/^(\d+ \d+ \d+ )(\S+)/, (_, before: string, id: string) => before + (newIds.get(id) ?? id)),
      );
    await redis.rpush(keys.entries, ...some);
  }
  await redis.pexpire(keys.entries, unconfirmedMs);
  const pairs = steps.map((text) => newIds.get(text) ?? text);
  if (pairs.length > 0) await redis.hset(keys.steps, ...pairs);
  await redis.pexpire(keys.steps, unconfirmedMs);
}
