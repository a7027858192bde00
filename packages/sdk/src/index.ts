export { SignatureError } from '@posthorn/shared';
export { decodeBase64 } from './base64.ts';
export { Client, type ClientConfig } from './client.ts';
export { startDevServer } from './dev-server.ts';
export type { DLQ, DlqBulkRequest, DlqFilter, DlqListRequest, DlqMessage, DlqPage } from './dlq.ts';
export {
  QstashChatRatelimitError,
  QstashConnectionError,
  QstashDailyRatelimitError,
  QstashEmptyArrayError,
  QstashError,
  QstashLimitError,
  QstashNotFoundError,
  QstashRatelimitError,
  QstashTimeoutError,
  QstashUnauthorizedError,
  QstashUnavailableError,
  QstashValidationError,
  type ChatRateLimit,
  type RateLimit,
} from './errors.ts';
export type {
  EventPayload,
  EventsRequest,
  GetEventsPayload,
  GetEventsResponse,
  GetLogsPayload,
  GetLogsResponse,
  Log,
  Log as Event,
  LogPayload,
  LogsFilter,
  LogsRequest,
  State,
  WithCursor,
} from './events.ts';
export {
  FlowControlApi,
  type FlowControlInfo,
  type GlobalParallelismInfo,
  type PinFlowControlOptions,
  type UnpinFlowControlOptions,
} from './flow-control.ts';
export type { BodyInit, CallOptions, HeadersInit, HttpRequest, HTTPMethods, Requester, Retry } from './http.ts';
export { Messages, type CancelRequest, type Message, type MessageFilter, type MessagePayload } from './messages.ts';
export type { ErrorKind, MessageState } from './message-parts.ts';
export {
  isBatchFailure,
  type BatchFailure,
  type Destination,
  type Duration,
  type FlowControl,
  type MessageOptions,
  type PublishBatchRequest,
  type PublishJsonRequest,
  type PublishOptions,
  type PublishRequest,
  type PublishResponse,
  type PublishToApiResponse,
  type PublishToUrlGroupsResponse,
  type PublishToUrlResponse,
  type Redact,
} from './publish.ts';
export type { Queue, QueueRequest, QueueResponse, UpsertQueueRequest } from './queues.ts';
export { Receiver, type ReceiverConfig, type VerifyRequest } from './receiver.ts';
export { Schedules, type CreateScheduleRequest, type Schedule } from './schedules.ts';
export type { SigningKeyPair, SigningKeys } from './signing-keys.ts';
export type {
  Counters,
  DestinationsRequest,
  DestinationStats,
  DlqCause,
  FindHit,
  Limits,
  MessageAttempt,
  MessageListFilter,
  MessageListRequest,
  MessagePlace,
  MessageSummary,
  MessageTimeline,
  Overview,
  Stats,
  StatsRequest,
} from './views.ts';
export {
  UrlGroups,
  type AddEndpointsRequest,
  type Endpoint,
  type RemoveEndpointsRequest,
  type UrlGroup,
  type UrlGroupStats,
  type UrlGroupStatsRequest,
} from './url-groups.ts';
export {
  Workflow,
  type NotifyRequest,
  type RepeatOptions,
  type RunsRequest,
  type TriggerRequest,
  type WorkflowCancelRequest,
  type WorkflowFilter,
  type WorkflowLetterFilter,
  type WorkflowLettersRequest,
} from './workflow.ts';
export type {
  NotifyResponse,
  TriggerResponse,
  WorkflowLetter,
  WorkflowRun,
  WorkflowState,
  WorkflowStep,
  WorkflowStepError,
  WorkflowStepGroup,
  WorkflowWaiter,
} from './workflow-run.ts';
