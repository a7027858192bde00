// Runs of workflows as the server describes them.

export type WorkflowState = 'RUN_STARTED' | 'RUN_SUCCESS' | 'RUN_FAILED' | 'RUN_CANCELED';

/** A run that was begun. */
export interface TriggerResponse {
  workflowRunId: string;
  /** In milliseconds since 1970. */
  workflowCreatedAt: number;
  /** A run with this id was active already; nothing was begun. */
  deduplicated?: true;
}

/** A failed attempt at a step. */
export interface WorkflowStepError {
  status: number;
  headers: Record<string, string[]>;
  body: string;
  error: string;
  /** In milliseconds since 1970. */
  time: number;
}

/** A step of a run. Fields that its type does not have are absent. */
export interface WorkflowStep {
  messageId: string;
  state: 'STEP_PROGRESS' | 'STEP_SUCCESS' | 'STEP_RETRY' | 'STEP_FAILED' | 'STEP_CANCELED';
  retries: number;
  retryDelay?: string;
  stepId?: number;
  stepName?: string;
  stepType?: string;
  /** Its result; of the first step the payload of the run. */
  out?: string;
  concurrent?: number;
  /** In milliseconds since 1970. */
  createdAt?: number;
  /** When the next attempt is due, in milliseconds since 1970, if something is being delivered. */
  nextDeliveryTime?: number;
  errors?: WorkflowStepError[];
  [more: string]: unknown;
}

/** One step, steps side by side, or what is being delivered now. */
export interface WorkflowStepGroup {
  type: 'sequential' | 'parallel' | 'next';
  steps: WorkflowStep[];
}

/** A run with its steps. */
export interface WorkflowRun {
  workflowRunId: string;
  workflowUrl: string;
  workflowState: WorkflowState;
  /** In milliseconds since 1970. */
  workflowRunCreatedAt: number;
  workflowRunCompletedAt?: number;
  workflowRunCallerIp?: string;
  /** What the workflow has returned, as JSON. */
  workflowRunResponse?: string;
  invoker?: { workflowRunId: string; workflowUrl: string; workflowRunCreatedAt: number };
  failureFunction?: { messageId: string; url: string; state: string; [more: string]: unknown };
  dlqId?: string;
  label?: string;
  labels?: string[];
  flowControlKey?: string;
  steps: WorkflowStepGroup[];
}

/** A step that waits for an event. */
export interface WorkflowWaiter {
  url: string;
  /** In seconds since 1970. */
  deadline: number;
  /** They name the run: `Upstash-Workflow-Runid`. */
  headers: Record<string, string[]>;
  timeoutUrl: string;
  timeoutBody?: string;
  timeoutHeaders: Record<string, string[]>;
}

/** A waiter that was resumed. */
export interface NotifyResponse {
  waiter: WorkflowWaiter;
  messageId: string;
  error: string;
  workflowRunId: string;
  workflowCreatedAt: number;
}

/** A run that has failed. */
export interface WorkflowLetter {
  dlqId: string;
  messageId: string;
  workflowRunId: string;
  workflowCreatedAt: number;
  workflowUrl: string;
  responseStatus: number;
  responseBody?: string;
  body?: string;
  error?: string;
  label?: string;
  createdAt: number;
  [more: string]: unknown;
}
