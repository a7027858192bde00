import { PosthornError, type HeaderMap } from '@posthorn/shared';
import { maxNameLength } from './run-headers.ts';
import type { StepHead } from './step-text.ts';

/** A step that waits for an event, as the run has it. */
export interface StoredWaiter {
  eventId: string;
  step: StepHead;
  /** When the wait began; waits of earlier versions do not have it. */
  createdAt?: number;
  timeout: string;
  /** Unix seconds. */
  deadline: number;
  url: string;
  /** Headers of the message that the event causes: names and values in turn. */
  headers: string[];
  timeoutUrl: string;
  timeoutHeaders: HeaderMap;
  timeoutBody?: string;
}

/** Bytes of what a run stores of a step that waits: mostly headers. */
export const maxWaiterBytes = 256 * 1024;

/** @throws {PosthornError} `limit_exceeded` */
export function requireEventId(eventId: string): void {
  if (eventId === '' || eventId.length > maxNameLength || /\p{Cc}/u.test(eventId)) {
    throw new PosthornError(
      'limit_exceeded',
      `eventId: use 1 to ${maxNameLength} characters without control characters`,
    );
  }
}

export const isWebhookStep = ({ stepType }: StepHead): boolean => stepType === 'WaitForWebhook';

/** What a run keeps data of an event under. Calls of webhooks need no token, so that their data is for webhooks alone. */
export function nameNote(eventId: string, isWebhook: boolean): string {
  return isWebhook ? `webhook ${eventId}` : eventId;
}

/** A waiter of a run in Redis, and the id of the message of its deadline. */
export function parseWaiter(text: string): { timeoutId: string; waiter: StoredWaiter } {
  const at = text.indexOf(' ');
  return { timeoutId: text.slice(0, at), waiter: JSON.parse(text.slice(at + 1)) as StoredWaiter };
}
