import type { HeaderMap } from '../headers/forward.ts';
import type { Callback, FlowControl } from './callback.ts';

/**
 * What a message does for its run. `init`, `step` and `wait` deliver the log of the run to its endpoint, up to the
 * message itself: a `wait` only when nothing has happened before its deadline. `call` is a request to a third party,
 * `callback` gives its result to the endpoint, `failure` reports the failure of the run to its failure callback.
 */
export type RunMessageKind = 'init' | 'step' | 'wait' | 'call' | 'callback' | 'failure';

/** Where the result of a call goes. What is missing is as the run is configured. */
export interface CallResultTarget {
  url: string;
  header: HeaderMap;
  maxRetries?: number;
  retryDelayExpression?: string;
  flowControl?: FlowControl;
}

/** The part of a message that says which run of a workflow it belongs to. */
export interface RunMessage {
  runId: string;
  /** When the run began, in milliseconds: it distinguishes two runs with one id. */
  createdAt: number;
  kind: RunMessageKind;
  /** The endpoint takes an empty body, and fetches the log itself. */
  isLazy?: true;
  /** An endpoint that is no workflow fails the run. */
  detectsWorkflow?: true;
  /** The run was started without an SDK: its endpoint starts it once more, with one. */
  isUnknownSdk?: true;
  /** The step whose result or plan this is, and how many run beside it. */
  step?: { id: number; concurrent: number };
  /** The step is not done but planned, beside others. */
  isPlan?: true;
  /** The field under which the run knows its waiter, for a wait. */
  waiter?: string;
  /** Where the result of a call goes. */
  resultTo?: CallResultTarget;
  /** Where its failure is reported, if the message does not follow the configuration of its run. */
  failureCallback?: Callback;
  /** Bytes of the log before the element of this message, and with it; set when it is stored. */
  start?: number;
  end?: number;
}
