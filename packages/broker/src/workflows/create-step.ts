import type { HeaderMap, RunMessage } from '@posthorn/shared';
import type { AcceptParts } from '../intake/accept.ts';
import { checkOptions, keepRunHeaders, type Checked } from './run-config.ts';
import type { NewRunMessage } from './run-entry.ts';
import { parseRunHeaders } from './run-headers.ts';
import type { Run } from './runs.ts';
import { checkStep, stepNumber, type StepHead } from './step-text.ts';

/** How the configuration of a run is applied to a message of it (contract W7). */
export interface StepOrigin {
  id: string;
  key: string;
  kind: RunMessage['kind'];
  /** The endpoint; the URL of the run by default. */
  url?: string;
  step?: StepHead | undefined;
}

const json = ['application/json'];

/**
 * A message to the endpoint of a run. What its own headers say counts first; then, for SDKs that configure a run once,
 * what the first message of the run said.
 */
export function createStep(
  run: Pick<Run, 'runId' | 'createdAt' | 'config'>,
  { options, template, failureCallback }: Checked,
  features: ReadonlySet<string>,
  { id, key, kind, url = run.config.url, step }: StepOrigin,
): NewRunMessage {
  const { config } = run;
  const followsRun = features.has('WF_TriggerOnConfig');
  const header: HeaderMap = {
    ...(followsRun ? config.header : {}),
    ...keepRunHeaders(template.header),
    'Content-Type': template.header['Content-Type'] ?? json,
  };
  const { flowControl, retryDelayExpression, labels, timeoutMs, maxRetries, redaction: _, ...rest } = template;
  const message: NewRunMessage['message'] = {
    ...rest,
    url,
    method: 'POST',
    header,
    maxRetries: options.retries === undefined && followsRun ? config.maxRetries : maxRetries,
    timeoutMs: options.timeoutMs === undefined && followsRun ? config.timeoutMs : timeoutMs,
    ...pick('retryDelayExpression', retryDelayExpression ?? (followsRun ? config.retryDelayExpression : undefined)),
    ...pick('flowControl', flowControl ?? (followsRun ? config.flowControl : undefined)),
    ...pick('labels', labels ?? config.labels),
    ...pick('redaction', config.redaction),
  };
  return {
    id,
    key,
    message,
    ownHeader: template.header,
    workflow: {
      runId: run.runId,
      createdAt: run.createdAt,
      kind,
      ...(features.has('LazyFetch') ? { isLazy: true } : {}),
      ...(features.has('WF_DetectTrigger') && kind === 'init' ? { detectsWorkflow: true } : {}),
      ...(step ? { step: { id: stepNumber(step), concurrent: step.concurrent } } : {}),
      ...(step?.stepId === 0 ? { isPlan: true } : {}),
      ...(failureCallback && !followsRun ? { failureCallback } : {}),
    },
  };
}

const anywhere: AcceptParts['guard'] = { checkUrl: () => undefined, checkAddress: () => undefined };

/**
 * A step that the server itself writes: the result of a wait or of an invocation.
 *
 * @param headers of the request that asked for it: names and values in turn. They were checked when it came: a limit that
 *   was lowered since, or a destination that is denied now, must not keep the run from going on
 */
export function createServerStep(
  { limits }: Pick<AcceptParts, 'limits'>,
  run: Pick<Run, 'runId' | 'createdAt' | 'config'>,
  headers: readonly string[],
  step: unknown,
  origin: Pick<StepOrigin, 'id' | 'kind'> & { url?: string },
): NewRunMessage {
  const unlimited = { maxRetries: Infinity, maxDelayMs: Infinity, maxLabels: Infinity };
  const checked = checkOptions(
    { guard: anywhere, limits: { ...limits, ...unlimited } },
    { headers, callerIp: run.config.callerIp, body: Buffer.alloc(0) },
  );
  const head = checkStep(step);
  const own = parseRunHeaders([...headers, 'Upstash-Workflow-RunId', run.runId]).features;
  // Requests that name no features have those of their run.
  const features = new Set([...own, ...run.config.features]);
  return createStep(run, checked, features, {
    ...origin,
    key: `result:${head ? stepNumber(head) : 0}`,
    step: head,
  });
}

/** A field of an object, or none for a value that is missing. */
function pick<N extends string, T>(name: N, value: T | undefined): Partial<Record<N, T>> {
  return (value === undefined ? {} : { [name]: value }) as Partial<Record<N, T>>;
}
