import { formatFilter, type CommonFilter, type HostPathFilter } from './filters.ts';
import type { Log } from './events.ts';
import type { MessageState } from './message-parts.ts';

/** One message in a list: what it is, and what happened to it last. */
export interface MessageSummary {
  messageId: string;
  /** The latest entry of its log. */
  state: MessageState;
  url: string;
  method: string;
  topicName?: string;
  endpointName?: string;
  queueName?: string;
  scheduleId?: string;
  flowControlKey?: string;
  labels?: string[];
  /** In milliseconds since 1970. */
  createdAt: number;
  /** Time of the latest entry of its log, in milliseconds since 1970. */
  updatedAt: number;
  /** Attempts that have started. */
  attempts: number;
  maxRetries: number;
  /** Status of the last response; 0 if there was none. */
  responseStatus?: number;
  /** Why the last attempt failed, if it did. */
  error?: string;
  /** How long the last attempt took, in milliseconds. */
  durationMs?: number;
  /** When the next attempt is due, in milliseconds since 1970. */
  nextDeliveryTime?: number;
  dlqId?: string;
}

/** Where a message is, and why. Times are in milliseconds since 1970. */
export interface MessagePlace {
  kind:
    | 'delayed'
    | 'due'
    | 'queued'
    | 'limited'
    | 'paused'
    | 'in-flight'
    | 'retrying'
    | 'delivered'
    | 'dead'
    | 'canceled';
  /** The same as a sentence. */
  text: string;
  since: number;
  until?: number;
  /** The queue or the flow-control key that it waits for. */
  name?: string;
  /** Its position in the queue; 1 is the first. */
  position?: number;
  /** Id of the message that it waits for. */
  behind?: string;
}

/** One attempt at a message. Times are in milliseconds since 1970. */
export interface MessageAttempt {
  /** 1 is the first attempt. */
  number: number;
  startedAt: number;
  endedAt?: number;
  durationMs?: number;
  responseStatus?: number;
  error?: string;
  responseHeader?: Record<string, string[]>;
  /** In base64. */
  responseBody?: string;
  nextDeliveryTime?: number;
}

/** Everything that is known of one message. */
export interface MessageTimeline {
  message: MessageSummary;
  where: MessagePlace;
  attempts: MessageAttempt[];
  /** The entries of its log, oldest first. */
  lines: Log[];
  related: {
    sourceMessageId?: string;
    callbackIds: string[];
    retryOf?: string;
    retriedAs: string[];
    dlqId?: string;
  };
}

export type MessageListFilter = CommonFilter &
  HostPathFilter & {
    /** The latest entry of the log. */
    state?: string | readonly string[];
    /** Status of the last response. */
    responseStatus?: number | readonly number[];
  };

export interface MessageListRequest {
  filter?: MessageListFilter;
  cursor?: string;
  /** At most 100. */
  count?: number;
}

/** Dead letters with one cause. Times are in milliseconds since 1970. */
export interface DlqCause {
  /** Name of the cause, for the filter `cause`. */
  cause: string;
  host: string;
  responseStatus?: number;
  error: string;
  count: number;
  oldest: number;
  newest: number;
  sampleDlqId: string;
}

/** What is counted. */
export interface Counters {
  accepted: number;
  delivered: number;
  failed: number;
  canceled: number;
  attempts: number;
  errors: number;
  retries: number;
}

export interface StatsRequest {
  /** A number is in milliseconds since 1970; 24 hours ago by default. */
  from?: Date | number;
  /** Now by default. */
  to?: Date | number;
  /** Length of a period, in milliseconds. */
  step?: number;
  groupBy?: 'host' | 'label' | 'queueName' | 'topicName' | 'flowControlKey' | 'responseStatus';
  /** How many values are compared; 10 by default. */
  top?: number;
  /** One value of one field. */
  filter?: { host?: string; label?: string; queueName?: string; urlGroup?: string; flowControlKey?: string };
}

/** Counts over time. Times are in milliseconds since 1970. */
export interface Stats {
  from: number;
  to: number;
  step: number;
  totals: Counters;
  series: { key: string; points: ({ time: number } & Counters)[] }[];
  top: { key: string; count: number }[];
}

export interface DestinationsRequest {
  from?: Date | number;
  to?: Date | number;
  order?: 'errors' | 'attempts' | 'slow' | 'name';
  host?: string;
  cursor?: string;
  count?: number;
}

/** How deliveries to one host go. Times are in milliseconds since 1970. */
export interface DestinationStats {
  host: string;
  attempts: number;
  delivered: number;
  errors: number;
  failed: number;
  /** From 0 to 1. */
  successRate: number;
  p50Ms: number;
  p95Ms: number;
  waiting: number;
  inFlight: number;
  dead: number;
  lastDeliveredAt?: number;
  lastError?: { time: number; messageId: string; responseStatus?: number; error: string };
}

/** The state of the whole system. Times are in milliseconds since 1970. */
export interface Overview {
  time: number;
  waiting: number;
  delayed: number;
  inFlight: number;
  retrying: number;
  /** The message that is due and waits longest, and since when it could have been delivered. */
  /** A message of a workflow run has the id of its run. */
  oldestWaiting?: {
    messageId?: string;
    workflowRunId?: string;
    since: number;
    url: string;
    kind: 'due' | 'queued' | 'limited';
  };
  dlq: { count: number; oldest?: number };
  queues: { count: number; paused: number; lag: number };
  schedules: { count: number; paused: number; next?: { scheduleId: string; time: number } };
  flowControl: { keys: number; paused: number; waiting: number };
  dispatchers: { id: string; startedAt: number; seenAt: number; inFlight: number }[];
  redis: { usedBytes: number; maxBytes?: number; durability: string };
  log: { lines: number; oldest?: number };
}

/** Limits and defaults of the server; each is named after its environment variable. */
export interface Limits {
  maxMessageBytes: number;
  maxBatchBytes: number;
  maxBatchItems: number;
  maxLabels: number;
  maxDelayMs: number;
  dedupWindowMs: number;
  defaultRetries: number;
  maxRetries: number;
  maxRetryDelayMs: number;
  defaultTimeoutMs: number;
  maxTimeoutMs: number;
  maxResponseBytes: number;
  maxQueues: number;
  maxQueueParallelism: number;
  maxSchedules: number;
  maxUrlGroups: number;
  maxEndpointsPerGroup: number;
  /** Flow-control keys that are paused or pinned. */
  maxHeldFlowControlKeys: number;
  /** Requests per second and token that create no message; 0 without a limit. */
  burstRateLimit: number;
  logRetentionMs: number;
  /** 0 without a limit. */
  maxLogLines: number;
  dlqRetentionMs: number;
}

/** Something that matches what was typed. */
export interface FindHit {
  kind: 'message' | 'deadLetter' | 'queue' | 'urlGroup' | 'schedule' | 'flowControlKey' | 'host' | 'label' | 'url';
  id: string;
  title: string;
}

/** The query of statistics: the wire calls a URL group a topic. */
export function formatStatsQuery({ filter, ...request }: StatsRequest) {
  return { ...request, ...formatFilter(filter) };
}
