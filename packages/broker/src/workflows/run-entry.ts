import type { HeaderMap, Message, RunMessage } from '@posthorn/shared';
import { formatMessage } from '../engine/shards/stored-message.ts';
import type { RunEntry } from './run-scripts.ts';
import { formatElement } from './step-text.ts';

/** What the log of runs shows of an element besides its body. */
export interface EntryDescription {
  callType: 'step' | 'toCallback' | 'fromCallback';
  header: HeaderMap;
  retries: number;
  retryDelay?: string;
  /** Where a call goes. */
  url?: string;
  method?: string;
  /** When a step that sleeps continues. */
  notBefore?: number;
  /** The step that a call or its result belongs to. */
  stepId?: number;
  /** The run that an invocation started, in its result. */
  invoked?: { runId: string; createdAt: number };
}

/** A message of a run as the scripts store it; its body is in its element. */
export interface NewRunMessage {
  id: string;
  /** What it is accepted for once; empty for any number of times. */
  key: string;
  message: Omit<Message, 'body' | 'workflow'>;
  workflow: RunMessage;
  /** The headers that its submitter gave it, where those of the run come on top. */
  ownHeader?: HeaderMap;
}

/** @param body `undefined` for a message that is not in the log */
export function createEntry(
  { id, key, message, workflow, ownHeader }: NewRunMessage,
  body: Buffer | undefined,
  callType: EntryDescription['callType'] = 'step',
  more: Pick<EntryDescription, 'invoked'> = {},
): RunEntry {
  const { notBefore, createdAt, maxRetries, retryDelayExpression, header, url, method, flowControl } = message;
  const description: EntryDescription = {
    callType,
    header: ownHeader ?? header,
    retries: maxRetries,
    ...(retryDelayExpression ? { retryDelay: retryDelayExpression } : {}),
    ...(callType === 'toCallback' ? { url, method } : {}),
    ...(notBefore > createdAt ? { notBefore } : {}),
    ...(callType !== 'step' && workflow.step ? { stepId: workflow.step.id } : {}),
    ...more,
  };
  return {
    key,
    messageId: id,
    element: body ? formatElement(id, body, callType) : '',
    description: body ? JSON.stringify(description) : '',
    head: `${id} ${createdAt} ${Math.max(0, Math.round(notBefore - createdAt))}${flowControl ? ` ${flowControl.key}` : ''}`,
    data: formatData(message, workflow, body === undefined),
  };
}

/** The text of the message; without its end if its position in the log follows. */
function formatData(message: NewRunMessage['message'], workflow: RunMessage, isWhole: boolean): string {
  const { runId: _, ...rest } = workflow;
  const text = formatMessage({ ...message, body: { kind: 'empty' } });
  const run = JSON.stringify({ runId: workflow.runId, ...rest });
  const open = `${text.slice(0, -'}]'.length)},"workflow":${run.slice(0, -1)}`;
  return isWhole ? `${open}}}]` : open;
}
