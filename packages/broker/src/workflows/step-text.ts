import { createHash } from 'node:crypto';

/** What the server reads in a step: never its result. */
export interface StepHead {
  stepId: number;
  stepName: string;
  stepType: string;
  concurrent: number;
  targetStep?: number;
}

/** A text above this length is not parsed as a whole: that would stop all other requests for too long. */
const maxParsedBytes = 256 * 1024;

/** The beginning and the end of a step; `undefined` for a body that is none. */
export function parseStepHead(body: Buffer): StepHead | undefined {
  try {
    return body.length > maxParsedBytes ? parseLongStep(body) : checkStep(JSON.parse(body.toString('utf8')));
  } catch {
    return undefined;
  }
}

/** @returns `undefined` for what is no step */
export function checkStep(value: unknown): StepHead | undefined {
  const step = value as Partial<StepHead> | null;
  if (typeof step !== 'object' || step === null) return undefined;
  const { stepId, stepName, stepType, concurrent = 1, targetStep } = step;
  if (!isCount(stepId) || !isCount(concurrent) || typeof stepType !== 'string') return undefined;
  return {
    stepId,
    stepName: typeof stepName === 'string' ? stepName : '',
    stepType,
    concurrent,
    ...(isCount(targetStep) && targetStep > 0 ? { targetStep } : {}),
  };
}

/** The same of a body of which only the beginning and the end are there. */
export function parseStepEnds(ends: Buffer): StepHead | undefined {
  // A text that lost its middle is still a text.
  return parseStepHead(ends) ?? parseLongStep(ends);
}

/** SDKs write the short fields first and the result after them, with or without blanks between them. */
function parseLongStep(body: Buffer): StepHead | undefined {
  const start = body.toString('utf8', 0, 4096);
  const match =
    /^\s*\{\s*"stepId"\s*:\s*(\d{1,9})\s*,\s*"stepName"\s*:\s*"((?:[^"\\]|\\.)*)"\s*,\s*"stepType"\s*:\s*"(\w+)"/.exec(
      start,
    );
  if (!match) return undefined;
  const [, stepId, stepName, stepType] = match;
  const end = body.toString('utf8', body.length - 200);
  const [, concurrent = 1] =
    /"concurrent"\s*:\s*(\d{1,6})[^"]*\}\s*$/.exec(end) ?? /"concurrent"\s*:\s*(\d{1,6})/.exec(start) ?? [];
  return checkStep({
    stepId: Number(stepId),
    stepName: JSON.parse(`"${stepName ?? ''}"`) as unknown,
    stepType,
    concurrent: Number(concurrent),
  });
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** What a step is accepted for once in its run (contract W4). */
export function stepKey(step: StepHead | undefined, body: Buffer, ...more: string[]): string {
  if (!step) return `hash:${createHash('sha256').update(JSON.stringify(more)).update(body).digest('base64url')}`;
  if (step.stepId === 0 && step.targetStep !== undefined) return `plan:${step.targetStep}`;
  return `result:${step.stepId}`;
}

/** The number of the step that a plan or a result is about. */
export function stepNumber({ stepId, targetStep }: StepHead): number {
  return stepId === 0 ? (targetStep ?? 0) : stepId;
}

/** An element of the log (contract W5). */
export function formatElement(
  messageId: string,
  body: Buffer,
  callType: 'step' | 'toCallback' | 'fromCallback',
): string {
  return `{"messageId":"${messageId}","body":"${body.toString('base64')}","callType":"${callType}"}`;
}
