import { formatFilter, type CommonFilter, type Exclusive, type HostPathFilter } from './filters.ts';
import type { CallOptions, Requester } from './http.ts';
import type { ErrorKind, Limits, MessageState } from './message-parts.ts';

/** What a log entry can say. `IN_PROGRESS` is for filters only: `ACTIVE`, `RETRY` or `ERROR`. */
export type State = MessageState | 'IN_PROGRESS';

/** One entry in the log of a message. */
export interface Log extends Limits {
  /** In milliseconds since 1970. */
  time: number;
  /** What happened; never `IN_PROGRESS`, which is for filters. */
  state: State;
  /** The message that it happened to. */
  messageId: string;
  /** Start of the next attempt, in milliseconds since 1970. */
  nextDeliveryTime?: number;
  /** Why an attempt or the message has failed. */
  error?: string;
  /** Kind of that error. */
  errorKind?: ErrorKind;
  /** Where the message goes; for a URL group, its endpoint. */
  url: string;
  /** The URL group that the message was published to. */
  urlGroup?: string;
  /** The same as `urlGroup`. */
  topicName?: string;
  /** Name of the endpoint in its URL group. */
  endpointName?: string;
  /** The queue that the message is in. */
  queueName?: string;
  /** The schedule that published the message. */
  scheduleId?: string;
  /** Method of the delivery. */
  method?: string;
  /** What is forwarded, and the `Content-Type`. */
  header?: Record<string, string[]>;
  /** Body of the message, in base64. */
  body?: string;
  /** There is a body, but it is not shown, because it was too large for one page. */
  bodyTruncated?: true;
  /** Longest time of one attempt, in milliseconds. */
  timeout?: number;
  /** Retries after a failed first attempt. */
  maxRetries?: number;
  /** Wait before a retry, as an expression over `retried`; its result is in milliseconds. */
  retryDelayExpression?: string;
  /** URL that gets the outcome of every attempt. */
  callback?: string;
  /** URL that gets a request when the message has finally failed. */
  failureCallback?: string;
  /** Headers of the callback. */
  callbackHeaders?: Record<string, string[]>;
  /** Headers of the failure callback. */
  failureCallbackHeaders?: Record<string, string[]>;
  /** Status of the response, in an `ERROR`. */
  responseStatus?: number;
  /** Body of the response in base64, in an `ERROR`. */
  responseBody?: string;
  /** The response had a longer body than is kept, or than fits into one page. In an `ERROR`. */
  responseBodyTruncated?: true;
  /** Headers of the response, in an `ERROR`. */
  responseHeaders?: Record<string, string[]>;
  /** Address of the publisher. */
  callerIp?: string;
  /** The same as `callerIp`. */
  callerIP?: string;
}

export interface LogsFilter extends CommonFilter, HostPathFilter {
  state?: State;
  messageId?: string;
  /** @deprecated use `urlGroup` */
  topicName?: string;
  /** @deprecated stands beside `filter` */
  count?: number;
}

/** One page: all entries of messages by their ids, of which there may be 100, or what matches. */
export type LogsRequest = {
  /** Maximum number of entries of the page; 1000 at most, and by default unless there are `messageIds`. */
  count?: number;
  /** The page ends after about so many bytes; 1 MiB by default, 16 MiB at most. */
  maxBytes?: number;
} & Exclusive<{ messageIds: readonly string[] }, { filter?: LogsFilter; cursor?: string | number }>;

export interface GetLogsResponse {
  /** Newest first. */
  logs: Log[];
  /** @deprecated the same list as `logs` */
  events: Log[];
  /** Where the next page begins; none on the last, and none with `messageIds`. */
  cursor?: string;
}

/** A log entry as it is on the wire. */
export type LogPayload = Omit<Log, 'urlGroup'>;
/** A page as it is on the wire. */
export interface GetLogsPayload {
  events: LogPayload[];
  cursor?: string;
}

/** The same as `LogPayload`. */
export type EventPayload = LogPayload;
/** The same as `LogsRequest`. */
export type EventsRequest = LogsRequest;
/** The same as `GetLogsResponse`. */
export type GetEventsResponse = GetLogsResponse;
/** The same as `GetLogsPayload`. */
export type GetEventsPayload = GetLogsPayload;
export type WithCursor<T> = T & { cursor?: number };

/** Adds the name that the wire does not have. */
export function parseEntry(entry: LogPayload): Log {
  return entry.topicName === undefined ? entry : { ...entry, urlGroup: entry.topicName };
}

/** One page of the log, newest first. */
export async function listLogs(
  http: Requester,
  { filter, ...request }: LogsRequest,
  options: CallOptions,
): Promise<GetLogsResponse> {
  const query = { ...request, ...formatFilter(filter) };
  const page = await http.request<GetLogsPayload>({ ...options, path: ['v2', 'events'], query });
  const logs = page.events.map(parseEntry);
  return { logs, events: logs, ...(page.cursor ? { cursor: page.cursor } : {}) };
}
