import { PosthornError, type Callback, type Published } from '@posthorn/shared';
import type { PublishRequest } from '../intake/accept.ts';
import { startDeadline } from '../intake/deadline.ts';
import { beginAccepted, type Stored } from './begin-run.ts';
import { checkRunRequest, type Accepted } from './check-request.ts';
import { createStep } from './create-step.ts';
import { announceLimits } from './flow-limits.ts';
import { keepRunHeaders } from './run-config.ts';
import { createEntry, type NewRunMessage } from './run-entry.ts';
import { createRefusal, refuseForRun, RunOverError } from './run-errors.ts';
import type { RunParts } from './run-parts.ts';
import { beginTogether, requireLogRoom, requireRoom } from './run-room.ts';
import type { RunEntry } from './run-scripts.ts';
import type { Run } from './runs.ts';
import { parseStepHead, stepKey } from './step-text.ts';

/** The same error about one of the requests that came together, by its index. */
export type NameRequest = (error: unknown, index: number) => unknown;

/**
 * Checks requests that belong to runs (contract W2, W3), and gives what stores them. Those of one run are stored together
 * or not at all. Those of several are refused together for all that is known before the first is stored; later only what
 * another client does in the meantime can refuse one of them.
 *
 * @throws {RunOverError} if no run that the requests need is active; {PosthornError} `limit_exceeded` for every other
 *   refusal
 */
export async function acceptRunRequests(
  parts: RunParts,
  requests: readonly PublishRequest[],
  name: NameRequest = (error) => error,
): Promise<() => Promise<Published[]>> {
  const accepted = requests.map((request, index) => {
    try {
      return checkRunRequest(parts, request, index);
    } catch (error) {
      throw refuseForRun(name(error, index));
    }
  });
  const active = await readActive(parts, accepted, name);
  const begins = accepted.filter(({ headers }) => headers.isInit);
  const appends = createAppends(parts, accepted, active);
  const isAlone = begins.length + appends.length < 2;
  await requireRoom(
    parts,
    begins.map(({ headers }) => headers.runId),
    isAlone,
  );
  if (!isAlone) {
    for (const { run, entries, accepted } of appends) {
      await requireLogRoom(parts, run, entries).catch((error: unknown) => {
        throw name(error, accepted[0]?.index ?? 0);
      });
    }
  }

  return async () => {
    const replies: Published[] = [];
    for (const append of appends) {
      const stored = await startDeadline().limit(storeAppend(parts, append));
      append.accepted.forEach(({ index, url }, at) => (replies[index] = reply(url, stored[at])));
    }
    await beginTogether(parts, begins, async (one) => {
      const { headers, url, index } = one;
      const begun = await beginAccepted(parts, one);
      replies[index] = reply(url, begun);
      // An invocation is repeated by its step; the second phase of a run has not begun it.
      const { createdAt, isKnown } = begun;
      return headers.isInvoke || createdAt === undefined ? undefined : { runId: headers.runId, createdAt, isKnown };
    });
    return replies;
  };
}

function reply(url: string, stored: Stored | undefined): Published {
  return { messageId: stored?.id ?? '', url, ...(stored?.isKnown ? { deduplicated: true } : {}) };
}

/** The run that must be active for a request; `undefined` for one that begins a run of its own. */
function findNeeded({ headers, envelope }: Accepted): string | undefined {
  if (envelope) return envelope.invoker.runId;
  return headers.isInit && !headers.isSecondPhase ? undefined : headers.runId;
}

/** The active runs that requests need. */
async function readActive(
  { runs }: RunParts,
  accepted: readonly Accepted[],
  name: NameRequest,
): Promise<ReadonlyMap<string, Run>> {
  const needed = new Set(accepted.map(findNeeded).filter((runId) => runId !== undefined));
  const active = new Map<string, Run>();
  for (const run of await Promise.all([...needed].map((runId) => runs.read(runId)))) {
    if (run?.state === 'RUN_STARTED') active.set(run.runId, run);
  }
  if (active.size === needed.size) return active;
  const over = new RunOverError();
  if (active.size === 0) throw over;
  // To the SDK of a run that is active, 400 would mean the end of that run.
  const first = accepted.find((one) => !active.has(findNeeded(one) ?? '') && findNeeded(one) !== undefined);
  throw name(new PosthornError('limit_exceeded', over.message), first?.index ?? 0);
}

/** What one run appends to its log. */
interface Append {
  run: Run;
  accepted: readonly Accepted[];
  messages: readonly NewRunMessage[];
  entries: readonly RunEntry[];
}

function createAppends(parts: RunParts, accepted: readonly Accepted[], active: ReadonlyMap<string, Run>): Append[] {
  const byRun = new Map<Run, Accepted[]>();
  for (const one of accepted) {
    const run = one.headers.isInit ? undefined : active.get(one.headers.runId);
    if (!run) continue;
    const others = byRun.get(run);
    if (others) others.push(one);
    else byRun.set(run, [one]);
  }
  return Array.from(byRun, ([run, accepted]) => {
    const messages: NewRunMessage[] = [];
    const entries: RunEntry[] = [];
    for (const one of accepted) {
      const made = createAppended(parts, run, one);
      messages.push(made);
      entries.push(createEntry(made, one.request.body, one.callback ? 'toCallback' : 'step'));
    }
    return { run, accepted, messages, entries };
  });
}

async function storeAppend(parts: RunParts, { run, messages, entries }: Append): Promise<Stored[]> {
  const { runs, scripts, runLimits } = parts;
  for (const { message } of messages) await announceLimits(parts, message);
  const ids = await scripts.append(runs.locate(run.runId, run.createdAt), entries, runLimits);
  if (typeof ids === 'string') throw createRefusal(ids, runLimits);
  return ids.map((id, index) => ({ id, isKnown: id !== messages[index]?.id }));
}

/** The message of a step or of a call. */
function createAppended({ runs }: RunParts, run: Run, accepted: Accepted): NewRunMessage {
  const { request, headers, url, checked, callback } = accepted;
  const id = runs.newMessageId(run.runId);
  if (callback) return createCall(id, run, accepted, callback);
  const step = parseStepHead(request.body);
  const key = stepKey(step, request.body, url);
  return createStep(run, checked, headers.features, { id, key, kind: 'step', url, step });
}

/** A request to a third party: nothing of the run goes along. */
function createCall(
  id: string,
  run: Run,
  { request, headers, url, checked: { options, template } }: Accepted,
  callback: Callback,
): NewRunMessage {
  const stepId = Number(headers.callStepId);
  const { redaction: _, labels: _labels, header, ...rest } = template;
  const contentType = header['Content-Type'];
  return {
    id,
    key: headers.callStepId === undefined ? stepKey(undefined, request.body, url) : `call:${headers.callStepId}`,
    message: {
      ...rest,
      url,
      header: { ...keepRunHeaders(header), ...(contentType ? { 'Content-Type': contentType } : {}) },
      ...(run.config.redaction ? { redaction: run.config.redaction } : {}),
    },
    workflow: {
      runId: run.runId,
      createdAt: run.createdAt,
      kind: 'call',
      ...(Number.isSafeInteger(stepId) ? { step: { id: stepId, concurrent: 1 } } : {}),
      resultTo: {
        url: callback.url,
        header: callback.header,
        ...(options.callback?.retries === undefined ? {} : { maxRetries: callback.maxRetries }),
        ...(options.callback?.retryDelay === undefined ? {} : { retryDelayExpression: options.callback.retryDelay }),
        ...(callback.flowControl ? { flowControl: callback.flowControl } : {}),
      },
    },
  };
}
