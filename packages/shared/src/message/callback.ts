import type { HeaderMap } from '../headers/forward.ts';
import type { FlowControlValue } from './flow-control.ts';
import type { Method } from './method.ts';

/** The limits that a message shares with others of its key. */
export interface FlowControl extends FlowControlValue {
  key: string;
}

/** Where and how the outcome of a message is reported. */
export interface Callback {
  url: string;
  method: Method;
  /** Headers of the callback that the publisher chose. */
  header: HeaderMap;
  maxRetries: number;
  retryDelayExpression?: string;
  timeoutMs: number;
  delayMs: number;
  flowControl?: FlowControl;
}
