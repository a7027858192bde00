import { PosthornError, type Published } from '@posthorn/shared';
import { refuseForbidden } from '../destinations/destination-guard.ts';
import type { PublishRequest } from '../intake/accept.ts';
import { createStep } from './create-step.ts';
import { announceLimits } from './flow-limits.ts';
import { claimInvocation, confirmInvocation, parseEnvelope, type Envelope } from './invoke.ts';
import { checkOptions, createRunConfig, keepRunHeaders, type Checked, type RunConfig } from './run-config.ts';
import { createEntry, type NewRunMessage } from './run-entry.ts';
import { createRefusal, refuseForRun, RunOverError } from './run-errors.ts';
import { parseRunHeaders, type RunHeaders } from './run-headers.ts';
import type { RunParts } from './run-parts.ts';
import { beginTogether, createTooManyRuns, maxRunsOfShard, requireRoom } from './run-room.ts';
import type { RunEntry } from './run-scripts.ts';
import type { Run } from './runs.ts';
import { parseStepHead, stepKey } from './step-text.ts';

/** One request of a run that was found valid; nothing of it is stored. */
interface Accepted {
  request: PublishRequest;
  headers: RunHeaders;
  url: string;
  checked: Checked;
}

/** Most invocations inside each other. */
const maxInvokeDepth = 100;

/**
 * Accepts requests that belong to runs (contract W2, W3): all are checked before the first is
 * stored, and those of one run are stored together or not at all.
 *
 * @throws {RunOverError} for a run that is over; {PosthornError} `limit_exceeded` for every other refusal
 */
export async function acceptRunRequests(parts: RunParts, requests: readonly PublishRequest[]): Promise<Published[]> {
  const accepted = requests.map((request) => check(parts, request));
  const inits = [...accepted.entries()].filter(([, { headers }]) => headers.isInit);
  await requireRoom(
    parts,
    inits.map(([, { headers }]) => headers.runId),
  );
  const replies: Published[] = [];
  const appends = new Map<string, { index: number; accepted: Accepted }[]>();
  for (const [index, one] of accepted.entries()) {
    if (one.headers.isInit) continue;
    const { runId } = one.headers;
    appends.set(runId, [...(appends.get(runId) ?? []), { index, accepted: one }]);
  }
  for (const [runId, some] of appends) {
    const ids = await append(
      parts,
      runId,
      some.map(({ accepted }) => accepted),
    );
    some.forEach(({ index, accepted: { url } }, at) => (replies[index] = reply(url, ids[at])));
  }
  await beginTogether(parts, inits, async ([index, one]) => {
    const { headers, url } = one;
    const started = await (headers.isInvoke ? startInvoked(parts, one) : start(parts, one));
    replies[index] = reply(url, started);
    // An invocation is repeated by its step; the second phase of a run has not begun it.
    const { createdAt, isKnown } = started;
    return headers.isInvoke || createdAt === undefined ? undefined : { runId: headers.runId, createdAt, isKnown };
  });
  return replies;
}

/** The id of a message, and whether it was there before. */
interface Stored {
  id: string;
  isKnown: boolean;
  /** Of the run that it begins. */
  createdAt?: number;
}

function reply(url: string, stored: Stored | undefined): Published {
  return { messageId: stored?.id ?? '', url, ...(stored?.isKnown ? { deduplicated: true } : {}) };
}

function check(parts: RunParts, request: PublishRequest): Accepted {
  try {
    const { destination } = request;
    if (destination.kind !== 'url') {
      throw new PosthornError('limit_exceeded', 'The destination of a message of a workflow must be a URL.');
    }
    refuseForbidden(parts.guard, destination.url, 'destination');
    const headers = parseRunHeaders(request.headers);
    if (headers.invokeCount > maxInvokeDepth) {
      throw new PosthornError(
        'limit_exceeded',
        `Workflows may invoke each other ${maxInvokeDepth} levels deep at most.`,
      );
    }
    return { request, headers, url: destination.url, checked: checkOptions(parts, request) };
  } catch (error) {
    throw refuseForRun(error);
  }
}

async function append(parts: RunParts, runId: string, accepted: readonly Accepted[]): Promise<Stored[]> {
  const { runs, scripts, runLimits } = parts;
  const run = await runs.read(runId);
  if (run?.state !== 'RUN_STARTED') throw new RunOverError();
  const messages = accepted.map((one) => ({ one, made: createAppended(parts, run, one) }));
  for (const { made } of messages) await announceLimits(parts, made.message);
  const entries: RunEntry[] = messages.map(({ one, made }) =>
    createEntry(made, one.request.body, one.headers.isCall ? 'toCallback' : 'step'),
  );
  const ids = await scripts.append(runs.placeOf(runId, run.createdAt), entries, runLimits);
  if (typeof ids === 'string') throw createRefusal(ids, runLimits);
  return ids.map((id, index) => ({ id, isKnown: id !== messages[index]?.made.id }));
}

/** The message of a step or of a call. */
function createAppended({ runs }: RunParts, run: Run, { request, headers, url, checked }: Accepted): NewRunMessage {
  const id = runs.newMessageId(run.runId);
  if (headers.isCall) return createCall(id, run, { request, headers, url, checked });
  const step = parseStepHead(request.body);
  const key = stepKey(step, request.body, url);
  return createStep(run, checked, headers.features, { id, key, kind: 'step', url, step });
}

/** A request to a third party: nothing of the run goes along. */
function createCall(id: string, run: Run, { request, headers, url, checked }: Accepted): NewRunMessage {
  const { options, template, callback } = checked;
  if (!callback) throw new PosthornError('limit_exceeded', 'Upstash-Callback: a call of a workflow needs one.');
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

/** What a new run is, apart from its id. */
export interface NewRun {
  request: Pick<PublishRequest, 'headers' | 'callerIp'>;
  url: string;
  checked: Checked;
  features: ReadonlySet<string>;
  payload: Buffer;
  /** The run is started by its endpoint, once more. */
  isUnknownSdk: boolean;
}

/** Begins a run. `isKnown`: a run with its id is active. */
export async function startRun(
  parts: RunParts,
  runId: string,
  { request, url, checked, features, payload, isUnknownSdk }: NewRun,
  more: { messageId?: string; invoker?: string } = {},
): Promise<Stored & { createdAt: number }> {
  const { createdAt } = checked.template;
  const config = createRunConfig(url, request, checked, features);
  const made = createStep({ runId, createdAt, config }, checked, features, {
    id: more.messageId ?? parts.runs.newMessageId(runId),
    key: '',
    kind: 'init',
    url,
  });
  if (isUnknownSdk) made.workflow.isUnknownSdk = true;
  return storeRun(parts, { runId, createdAt }, config, made, payload, more);
}

/** Stores a run with its first message. `restart`: a run that has ended is known as well. */
export async function storeRun(
  parts: RunParts,
  { runId, createdAt }: { runId: string; createdAt: number },
  config: RunConfig,
  made: NewRunMessage,
  payload: Buffer,
  { invoker, mode = 'new' }: { invoker?: string; mode?: 'new' | 'restart' } = {},
): Promise<Stored & { createdAt: number }> {
  const { runs, scripts } = parts;
  await announceLimits(parts, made.message);
  const { result, messageId } = await scripts.start(
    runs.placeOf(runId, createdAt),
    mode,
    {
      config: JSON.stringify(config),
      phase: made.workflow.isUnknownSdk ? 'unknown' : 'known',
      ...(invoker === undefined ? {} : { invoker }),
    },
    createEntry(made, payload),
    maxRunsOfShard(parts),
  );
  if (result === 'full') throw createTooManyRuns(parts.runLimits);
  return { id: messageId, isKnown: result === 'known', createdAt };
}

async function start(parts: RunParts, accepted: Accepted): Promise<Stored> {
  const { request, headers, url, checked } = accepted;
  if (headers.isSecondPhase) return adopt(parts, accepted);
  return startRun(parts, headers.runId, {
    request,
    url,
    checked,
    features: headers.features,
    payload: request.body,
    isUnknownSdk: headers.asksForSdk,
  });
}

/** The endpoint starts a run with its SDK that was begun without one (contract W23). */
async function adopt(parts: RunParts, { request, headers, url, checked }: Accepted): Promise<Stored> {
  const { runs, scripts } = parts;
  const run = await runs.read(headers.runId);
  if (run?.state !== 'RUN_STARTED') throw new RunOverError();
  const features = new Set([...headers.features, 'WF_TriggerOnConfig']);
  const { header, initHeader, features: names } = createRunConfig(url, request, checked, features);
  // The rest stays as the request that started the run said it.
  const config = { ...run.config, header: { ...run.config.header, ...header }, initHeader, features: names };
  const made = createStep(
    { ...run, config },
    { ...checked, options: {}, template: { ...checked.template, notBefore: checked.template.createdAt } },
    features,
    { id: runs.newMessageId(run.runId), key: '', kind: 'init', url },
  );
  const fields = { config: JSON.stringify(config), phase: 'known' };
  const place = runs.placeOf(run.runId, run.createdAt);
  await announceLimits(parts, made.message);
  const { result, messageId } = await scripts.start(place, 'adopt', fields, createEntry(made, request.body), 0);
  if (result === 'over') throw new RunOverError();
  return { id: messageId, isKnown: result === 'known' };
}

/** A workflow starts another one and waits for its end (contract W16). */
async function startInvoked(parts: RunParts, accepted: Accepted): Promise<Stored> {
  const { request, headers, url, checked } = accepted;
  let envelope: Envelope;
  try {
    envelope = parseEnvelope(parts, request);
  } catch (error) {
    throw refuseForRun(error);
  }
  const claim = await claimInvocation(parts, envelope, headers.runId);
  const { runId, messageId } = claim;
  if (claim.isKnown) return { id: messageId, isKnown: true };
  // A request that came to its end here, but whose answer did not.
  const isThere = (await parts.runs.read(runId))?.initId === messageId;
  const started = isThere
    ? { id: messageId }
    : await startRun(
        parts,
        runId,
        {
          request,
          url,
          checked,
          features: headers.features,
          payload: envelope.payload,
          isUnknownSdk: headers.asksForSdk,
        },
        { messageId, invoker: JSON.stringify(envelope.invoker) },
      );
  if (started.id !== messageId) {
    throw new PosthornError('limit_exceeded', `A run with the id ${runId} is active and was not started by this step.`);
  }
  await confirmInvocation(parts, envelope, claim);
  return { id: messageId, isKnown: claim.isKnown };
}
