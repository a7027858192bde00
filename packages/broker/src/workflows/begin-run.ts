import { PosthornError } from '@posthorn/shared';
import type { PublishRequest } from '../intake/accept.ts';
import type { Accepted } from './check-request.ts';
import { createStep } from './create-step.ts';
import { announceLimits } from './flow-limits.ts';
import { claimInvocation, confirmInvocation, type Envelope } from './invoke.ts';
import { createRunConfig, type Checked, type RunConfig } from './run-config.ts';
import { createEntry, type NewRunMessage } from './run-entry.ts';
import { RunOverError } from './run-errors.ts';
import type { RunParts } from './run-parts.ts';
import { createTooManyRuns, maxRunsOfShard } from './run-room.ts';

/** The id of a message, and whether it was there before. */
export interface Stored {
  id: string;
  isKnown: boolean;
  /** Creation time of the run that the message begins. */
  createdAt?: number;
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
    runs.locate(runId, createdAt),
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

/** Begins the run of an accepted request. */
export async function beginAccepted(parts: RunParts, accepted: Accepted): Promise<Stored> {
  const { request, headers, url, checked, envelope } = accepted;
  if (envelope) return startInvoked(parts, accepted, envelope);
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
  const location = runs.locate(run.runId, run.createdAt);
  await announceLimits(parts, made.message);
  const { result, messageId } = await scripts.start(location, 'adopt', fields, createEntry(made, request.body), 0);
  if (result === 'over') throw new RunOverError();
  return { id: messageId, isKnown: result === 'known' };
}

/** A workflow starts another one and waits for its end (contract W16). */
async function startInvoked(
  parts: RunParts,
  { request, headers, url, checked }: Accepted,
  envelope: Envelope,
): Promise<Stored> {
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
