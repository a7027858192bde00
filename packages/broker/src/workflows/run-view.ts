import { hidePassword, type RunGroup, type RunStepView, type RunView } from '@posthorn/shared';
import { createErrorLimit, readErrors, readPending, readWaiting, viewNext } from './delivery-view.ts';
import { readElement, readEnds, readEntries, readEntry, type RunLogEntry } from './run-log.ts';
import type { RunParts } from './run-parts.ts';
import { readRecords, type Run, type RunHead } from './runs.ts';
import { parseStepEnds } from './step-text.ts';
import { cutText, hide, viewInit, viewStep, type BodyReader } from './step-view.ts';

/** Bytes of all bodies that the view of a run shows, and of the headers of all steps. */
const maxShownBytesPerRun = 4 * 1024 * 1024;
/** Characters of the name and the type of a step whose body is not shown. */
const maxNameCharacters = 1024;

/** A run with its steps as clients see it (contract W22). Absent fields are left out. */
export async function viewRun(parts: RunParts, run: Run): Promise<RunView> {
  const { config, invoker, failure, failureCallback, result, completedAt, dlqId } = run;
  const labels = config.labels;
  return {
    workflowRunId: run.runId,
    workflowUrl: hidePassword(config.url),
    workflowState: run.state,
    workflowRunCreatedAt: run.createdAt,
    ...(completedAt === undefined ? {} : { workflowRunCompletedAt: completedAt }),
    workflowRunCallerIp: config.callerIp,
    ...(result === undefined ? {} : { workflowRunResponse: hide(run, result) }),
    ...(invoker
      ? {
          invoker: {
            workflowRunId: invoker.runId,
            workflowUrl: hidePassword(invoker.url),
            workflowRunCreatedAt: invoker.createdAt,
          },
        }
      : {}),
    ...(failureCallback && failure
      ? { failureFunction: await viewFailureFunction(parts, run, failureCallback, failure) }
      : {}),
    ...(dlqId === undefined ? {} : { dlqId }),
    ...(labels?.[0] === undefined ? {} : { label: labels[0], labels }),
    ...(config.flowControl ? { flowControlKey: config.flowControl.key } : {}),
    steps: await readRecords(parts.redis, run, (named) => viewSteps(parts, named)),
  };
}

async function viewFailureFunction(
  parts: RunParts,
  run: Run,
  { messageId, state, status, header, body }: NonNullable<Run['failureCallback']>,
  failure: NonNullable<Run['failure']>,
): Promise<NonNullable<RunView['failureFunction']>> {
  const { errors: all } = await readErrors(parts, run.shard, messageId);
  const errors = createErrorLimit()(all);
  return {
    messageId,
    url: hidePassword(run.config.failureCallback?.url ?? run.config.url),
    state,
    failHeaders: failure.header,
    failStatus: failure.status,
    failResponse: Buffer.from(failure.bodyBase64, 'base64').toString('utf8'),
    dlqId: run.dlqId ?? '',
    maxRetries: run.config.failureCallback?.maxRetries ?? 3,
    ...(body === undefined ? {} : { responseBody: showResult(body) }),
    ...(header === undefined ? {} : { responseHeaders: header }),
    ...(status === undefined ? {} : { responseStatus: status }),
    ...(errors.length > 0 ? { errors } : {}),
  };
}

/** The SDK wraps a text that a failure function returns in an object. */
function showResult(body: string): string {
  try {
    const { result } = JSON.parse(body) as { result?: unknown };
    return typeof result === 'string' ? result : body;
  } catch {
    return body;
  }
}

async function viewSteps(parts: RunParts, run: Run): Promise<RunGroup[]> {
  const entries = await readEntries(parts.redis, run, maxShownBytesPerRun);
  const reader = createBodyReader(parts, run);
  const groups: RunGroup[] = [];
  const calls = new Map<number, RunLogEntry>();
  const parallels = new Map<number, RunStepView[]>();
  const pending = await readPending(parts, run, entries);

  for (const [index, entry] of entries.entries()) {
    if (entry.callType !== 'step') {
      if (entry.callType === 'toCallback' && entry.stepId !== undefined) calls.set(entry.stepId, entry);
      continue;
    }
    const body = await reader.read(entry);
    if (index === 0) {
      groups.push({ type: 'sequential', steps: [viewInit(run, entry, body)] });
      continue;
    }
    const step = await viewStep(parts, run, entry, body, pending.has(entry.messageId), calls, reader);
    if (step.isPlan) {
      const open = groups.at(-1);
      const steps = open?.type === 'parallel' && isNextOf(open.steps, step.view) ? open.steps : [];
      if (steps.length === 0) groups.push({ type: 'parallel', steps });
      steps.push(step.view);
      parallels.set(step.view.stepId ?? 0, steps);
      continue;
    }
    const group = parallels.get(step.view.stepId ?? -1);
    const at = group?.findIndex(({ stepId }) => stepId === step.view.stepId) ?? -1;
    if (group && at >= 0) group[at] = step.view;
    else groups.push({ type: 'sequential', steps: [step.view] });
  }
  for (const waiter of await readWaiting(parts, run)) {
    const group = parallels.get(waiter.stepId ?? -1);
    const at = group?.findIndex(({ stepId }) => stepId === waiter.stepId) ?? -1;
    if (group && at >= 0) group[at] = waiter;
    else groups.push({ type: 'sequential', steps: [waiter] });
  }
  const next = await viewNext(parts, run, entries, pending);
  return next.length > 0 ? [...groups, { type: 'next', steps: next }] : groups;
}

/** Whether a plan is of the same parallel steps as those before it: they are accepted together, in their order. */
function isNextOf(steps: readonly RunStepView[], { concurrent, stepId = 0 }: RunStepView): boolean {
  const last = steps.at(-1);
  return last?.concurrent === concurrent && steps.length < concurrent && last.stepId === stepId - 1;
}

/** Reads bodies of elements, and headers of other runs, as long as not too much was read. */
function createBodyReader({ redis }: RunParts, run: Run): BodyReader {
  let left = maxShownBytesPerRun;
  const readOf = async ({ shard, name }: RunHead, { start, end }: RunLogEntry) => {
    const size = end - start;
    if (size > left) return undefined;
    left -= size;
    return (await readElement(redis, shard, name, { start, end }))?.body;
  };
  return {
    read: (entry) => readOf(run, entry),
    async readHead(entry) {
      const ends = await readEnds(redis, run, entry);
      const head = ends && parseStepEnds(ends);
      return (
        head && {
          ...head,
          stepName: cutText(head.stepName, maxNameCharacters),
          stepType: cutText(head.stepType, maxNameCharacters),
        }
      );
    },
    limitHeader(header) {
      const size = Buffer.byteLength(JSON.stringify(header));
      if (size > left) return {};
      left -= size;
      return header;
    },
    readPayload: (other) =>
      readRecords(redis, other, async (named) => {
        const position = await readEntry(redis, named, 0);
        return position && readOf(named, position);
      }),
  };
}
