import type { RunLogEntry } from './run-log.ts';
import { stepKey, type StepHead } from './step-text.ts';

/** An element of a log with what its body says. */
export interface KnownElement {
  entry: Pick<RunLogEntry, 'messageId' | 'callType' | 'stepId'>;
  index: number;
  head: StepHead | undefined;
}

/**
 * Where a run that has failed goes on: the elements of its log that have not led to their next step, whichever of them
 * failed. They are the plans without a result and the results of calls that the workflow has not taken; and if everything
 * that was planned is done, the last step, whose delivery shows all of it.
 *
 * @returns these elements, in their order; and what the run has accepted once and will not do again, as keys and message
 *   ids in turn
 */
export function findUnfinished<T extends KnownElement>(
  known: readonly T[],
  failedId: string | undefined,
): { steps: string[]; again: T[] } {
  const results = new Set(known.flatMap(({ head }) => (head && head.stepId > 0 ? [head.stepId] : [])));
  const answeredCalls = new Map<number, T>();
  for (const one of known) {
    const { callType, stepId } = one.entry;
    if (callType === 'fromCallback' && stepId !== undefined && !results.has(stepId)) answeredCalls.set(stepId, one);
  }
  const isKnown = (step: number) => results.has(step) || answeredCalls.has(step);

  const steps: string[] = [];
  for (const { entry, head } of known) {
    const { messageId, callType, stepId } = entry;
    if (callType === 'step' && head) steps.push(stepKey(head, Buffer.alloc(0)), messageId);
    if (callType === 'toCallback' && stepId !== undefined && isKnown(stepId)) steps.push(`call:${stepId}`, messageId);
  }

  const isUnfinished = (one: T): boolean => {
    const { entry, head, index } = one;
    if (entry.stepId !== undefined && answeredCalls.get(entry.stepId) === one) return true;
    if (head?.stepId === 0) return head.targetStep !== undefined && !isKnown(head.targetStep);
    // What says nothing about its step: only its failure shows that it is not done.
    const isReadable = head !== undefined || entry.stepId !== undefined || index === 0;
    return !isReadable && entry.messageId === failedId && entry.callType !== 'toCallback';
  };
  const again = known.filter(isUnfinished);
  const last = known.findLast(({ entry }) => entry.callType === 'step');
  return { steps, again: again.length > 0 || !last ? again : [last] };
}
