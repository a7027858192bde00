import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { hasMoreValues, hidePassword, type HeaderMap, type Message, type RunStepView } from '@posthorn/shared';
import { formatHeader } from '../engine/log/message-fields.ts';
import type { RunLogEntry } from './run-log.ts';
import type { RunParts } from './run-parts.ts';
import type { Run, RunHead } from './runs.ts';
import { parseStepHead, type StepHead } from './step-text.ts';

/** Characters of one body that the view of a run shows. */
const maxShownCharacters = 64 * 1024;
/** Values of a step, or of the result of a call, that are parsed for the view of a run. */
const maxValues = 100_000;

/** The first step of a run: its payload. */
export function viewInit(run: Run, entry: RunLogEntry, body: Buffer | undefined): RunStepView {
  return {
    stepName: 'init',
    stepType: 'Initial',
    callType: 'step',
    messageId: entry.messageId,
    out: showText(run, body),
    concurrent: 1,
    state: 'STEP_SUCCESS',
    createdAt: entry.createdAt,
    headers: showHeader(run, run.config.initHeader),
    ...viewRetries(entry),
  };
}

const viewRetries = ({ retries, retryDelay }: RunLogEntry) => ({
  retries,
  ...(retryDelay === undefined ? {} : { retryDelay }),
});

interface StepJson {
  stepId?: number;
  stepName?: string;
  stepType?: string;
  concurrent?: number;
  targetStep?: number;
  out?: unknown;
  sleepFor?: number | string;
  sleepUntil?: number;
  waitEventId?: string;
  timeout?: string;
  waitTimeout?: boolean;
}

/** Reads what a view shows; `undefined` when it has shown enough. */
export interface BodyReader {
  /** The body of an element of the run. */
  read(entry: RunLogEntry): Promise<Buffer | undefined>;
  /** What a step is, however much was shown. */
  readHead(entry: RunLogEntry): Promise<StepHead | undefined>;
  /** The payload of a run that it has started. */
  readPayload(run: RunHead): Promise<Buffer | undefined>;
  /** Headers of such a run; none when the view has shown enough. */
  limitHeader(header: HeaderMap): HeaderMap;
}

/** A step as its element says, and whether it is only planned. */
export async function viewStep(
  parts: RunParts,
  run: Run,
  entry: RunLogEntry,
  body: Buffer | undefined,
  isPending: boolean,
  calls: ReadonlyMap<number, RunLogEntry>,
  reader: BodyReader,
): Promise<{ view: RunStepView; isPlan: boolean }> {
  const step: StepJson = body ? parseStep(body) : ((await reader.readHead(entry)) ?? {});
  const isPlan = step.stepId === 0 && (step.targetStep ?? 0) > 0;
  const stepId = isPlan ? step.targetStep : step.stepId;
  const isAsleep = isPending && entry.notBefore !== undefined && run.state === 'RUN_STARTED';
  const view: RunStepView = {
    ...(stepId === undefined ? {} : { stepId }),
    stepName: step.stepName ?? '',
    stepType: step.stepType ?? 'Run',
    callType: 'step',
    messageId: entry.messageId,
    ...(step.out === undefined ? {} : { out: showOut(run, step) }),
    concurrent: step.concurrent ?? 1,
    state: isPlan || isAsleep ? (run.state === 'RUN_STARTED' ? 'STEP_PROGRESS' : 'STEP_CANCELED') : 'STEP_SUCCESS',
    createdAt: entry.createdAt,
    headers: showHeader(run, entry.header),
    ...viewRetries(entry),
    ...(step.sleepFor === undefined ? {} : { sleepFor: step.sleepFor }),
    ...(step.sleepUntil === undefined ? {} : { sleepUntil: step.sleepUntil }),
    ...(step.waitEventId === undefined
      ? {}
      : {
          waitEventId: step.waitEventId,
          waitTimeoutDuration: step.timeout ?? '',
          waitTimeout: step.waitTimeout ?? false,
        }),
    ...(await viewInvoked(parts, entry, reader)),
  };
  const call = step.stepType === 'Call' && stepId !== undefined ? calls.get(stepId) : undefined;
  if (call) Object.assign(view, viewCall(run, call, await reader.read(call), step.out));
  return { view, isPlan };
}

function viewCall(run: Run, call: RunLogEntry, body: Buffer | undefined, out: unknown): Partial<RunStepView> {
  const result = parseJson(out) as { status?: number; body?: string; header?: HeaderMap } | undefined;
  // The SDK writes one character per byte.
  const response = result?.body === undefined ? undefined : Buffer.from(result.body, 'latin1');
  return {
    callUrl: hidePassword(call.url ?? ''),
    callMethod: call.method ?? 'POST',
    callHeaders: showHeader(run, call.header),
    callBody: showText(run, body),
    ...(result
      ? {
          callResponseStatus: result.status ?? 0,
          callResponseBody: showText(run, response),
          callResponseHeaders: result.header ?? {},
        }
      : {}),
  };
}

async function viewInvoked(
  { runs }: RunParts,
  { invoked }: RunLogEntry,
  reader: BodyReader,
): Promise<Partial<RunStepView>> {
  if (!invoked) return {};
  const child = await runs.readHead(invoked.runId, invoked.createdAt);
  return {
    invokedWorkflowRunId: invoked.runId,
    invokedWorkflowCreatedAt: invoked.createdAt,
    invokedWorkflowUrl: hidePassword(child?.config.url ?? ''),
    invokedWorkflowRunBody: child ? showText(child, await reader.readPayload(child)) : '',
    invokedWorkflowRunHeaders: child ? showHeader(child, reader.limitHeader(child.config.initHeader)) : {},
  };
}

function parseStep(body: Buffer): StepJson {
  const step = parseJson(body.toString('utf8')) ?? parseStepHead(body);
  return typeof step === 'object' ? step : {};
}

function parseJson(text: unknown): unknown {
  if (typeof text !== 'string' || hasMoreValues(Buffer.from(text), maxValues)) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The result of a step, as the client gave it: SDKs write the JSON of it. */
function showOut(run: Run, { out, stepType }: StepJson): string {
  const text = typeof out === 'string' ? out : JSON.stringify(out);
  const isEvent = stepType === 'Wait' || stepType === 'WaitForWebhook';
  return hide(run, isEvent ? Buffer.from(text, 'base64').toString('utf8') : text);
}

/** Text; base64 where it is not UTF-8. */
function showText(run: RunHead, body: Buffer | undefined): string {
  if (!body) return '';
  return hide(run, isUtf8(body) ? body.toString('utf8') : body.toString('base64'));
}

/** Text as it is shown: cut, or its hash where the run wants it hidden. */
export function hide(run: RunHead, text: string): string {
  if (run.config.redaction?.body) return `REDACTED:${createHash('sha256').update(text).digest('hex')}`;
  return cutText(text, maxShownCharacters);
}

/** The beginning of a text, without the first half of a character. */
export function cutText(text: string, maxCharacters: number): string {
  return text.length > maxCharacters ? text.slice(0, maxCharacters).replace(/[\uD800-\uDBFF]$/, '') : text;
}

function showHeader({ config }: RunHead, header: HeaderMap): HeaderMap {
  const message = { ...(config.redaction ? { redaction: config.redaction } : {}) } as Message;
  return formatHeader(message, 'header', header).header ?? {};
}
