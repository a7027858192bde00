import type { callbackHeaders, publishOptions } from '@posthorn/shared';
import { forwardPrefix, isChangedInPath, prefix } from '@posthorn/shared';
import { QstashValidationError } from './errors.ts';
import { createHeaders } from './http.ts';
import { checkNumber } from './numbers.ts';
import { isGiven, toBytes, toText } from './text.ts';
import type { BodyInit, CallOptions, HeadersInit, HTTPMethods, Requester } from './http.ts';

/** Digits and a unit, such as `10s`, `5m`, `2h` or `1d`. */
export type Duration = `${bigint}${'s' | 'm' | 'h' | 'd'}`;

/** Messages with one key share limits; at least one of `parallelism` and `rate` is needed. */
export type FlowControl = {
  /** At most 256 characters. */
  key: string;
  /** Length of the window of `rate`, in seconds or as a duration; 1 s by default, at most 7 days. */
  period?: number | Duration;
} & (
  | { /** Maximum number of attempts in flight. */ parallelism: number; rate?: number; ratePerSecond?: number }
  | { /** Maximum number of attempts started per period. */ rate: number; parallelism?: number; ratePerSecond?: number }
  | { /** @deprecated use `rate` */ ratePerSecond: number; parallelism?: number; rate?: number }
);

/** What of a message is shown as a hash wherever it can be read. It is delivered as it is. */
export interface Redact {
  body?: true;
  /** All forwarded headers, or those with these names. */
  header?: true | readonly string[];
}

/** What can be said about a message, whether it is published or scheduled. */
export interface MessageOptions {
  /**
   * Headers of the delivery. Names that begin with `upstash-`, and `content-type`, go to the server as they are; all
   * others arrive at the destination under their own names.
   */
  headers?: HeadersInit;
  /** Method of the delivery; `POST` by default. */
  method?: HTTPMethods;
  /** Wait before the first attempt: seconds (rounded), or a duration. None by default. */
  delay?: number | Duration;
  /** Retries after a failed first attempt; 3 by default, at most 20 unless the server says otherwise. */
  retries?: number;
  /** Wait before the next attempt in milliseconds, as an expression over `retried`, such as `1000 * (1 + retried)`. */
  retryDelay?: string;
  /** URL that gets the outcome of every attempt. */
  callback?: string;
  /** URL that gets a request when the message has finally failed. */
  failureCallback?: string;
  /** Longest time of one attempt: seconds, or a duration. By default what the server allows at most. */
  timeout?: number | Duration;
  /** Limits that messages with the same key share. */
  flowControl?: FlowControl;
  /** One label or several, to find the message by. */
  label?: string | readonly string[];
  /** What of the message is shown as a hash only. */
  redact?: Redact;
}

/** What can be said about a message that is published. */
export interface PublishOptions<TBody = BodyInit> extends MessageOptions {
  body?: TBody;
  /** No attempt before this instant, in seconds since 1970 (rounded); beats `delay`. */
  notBefore?: number;
  /** A second message with the same id within 10 minutes is accepted but not created. No `:`, no blanks. */
  deduplicationId?: string;
  /** Like a `deduplicationId` made of the destination, the body and the forwarded headers; `false` by default. */
  contentBasedDeduplication?: boolean;
}

/** Exactly one destination. */
export type Destination =
  | { /** Absolute URL, used and signed verbatim. */ url: string; urlGroup?: never; topic?: never }
  | { /** Name of a URL group: one message for each of its endpoints. */ urlGroup: string; url?: never; topic?: never }
  | { /** @deprecated use `urlGroup` */ topic: string; url?: never; urlGroup?: never };

export type PublishRequest<TBody = BodyInit> = PublishOptions<TBody> & Destination;
export type PublishJsonRequest = PublishRequest<unknown>;
/** An item of a batch; its body must be text. */
export type PublishBatchRequest<TBody = BodyInit> = PublishRequest<TBody> & {
  /** Puts the message into this queue, which is created when needed. */
  queueName?: string;
};

export interface PublishToApiResponse {
  messageId: string;
}
export interface PublishToUrlResponse extends PublishToApiResponse {
  url: string;
  /** `true` if a message with the same deduplication id was there already; `messageId` is then the id of that one. */
  deduplicated?: boolean;
}
/** One element for each endpoint, in their order. */
export type PublishToUrlGroupsResponse = PublishToUrlResponse[];
export type PublishResponse<TRequest> = TRequest extends { url: string }
  ? PublishToUrlResponse
  : TRequest extends { urlGroup: string }
    ? PublishToUrlGroupsResponse
    : PublishToApiResponse;

/** Stands in the response to a batch for an item that was valid but could not be stored. The others are there. */
export interface BatchFailure {
  error: string;
}

/** Whether an element of the response to a batch stands for a message that was not stored. */
export function isBatchFailure(element: object): element is BatchFailure {
  return 'error' in element;
}

type AnyKey<T> = T extends unknown ? keyof T : never;
type NonNegative<V> = V extends number ? (`${V}` extends `-${string}` ? never : V) : V;
/** The request itself, unless it has a field that no request has or a negative number: then that field is `never`. */
export type Checked<TRequest> = {
  [K in keyof TRequest]: K extends AnyKey<PublishBatchRequest>
    ? K extends 'delay' | 'notBefore' | 'retries' | 'timeout'
      ? NonNegative<TRequest[K]>
      : TRequest[K]
    : never;
};

/** The destination of a request. */
function requireDestination(request: { url?: string; urlGroup?: string; topic?: string }): string {
  const destination = request.url ?? request.urlGroup ?? request.topic;
  if (!destination) {
    // Names of fields only: their values do not belong in a log.
    const fields = Object.keys(request).join(', ');
    throw new QstashValidationError(`Failed to infer request path for { ${fields} }: give url or urlGroup`);
  }
  return destination;
}

/** The destination as the path has it: a URL arrives as it was given (contract C6). */
export function formatDestination(destination: string): string {
  if (!destination) throw new QstashValidationError('Destination cannot be empty');
  if (!isChangedInPath(destination)) return destination;
  if (/^https?:/i.test(destination)) return encodeURIComponent(destination);
  throw new QstashValidationError(`The destination '${destination}' leads out of its path`);
}

/**
 * The headers of one message: those of the client, its own in place of them, its options, and the telemetry. Text is in
 * them as its UTF-8.
 */
export function formatMessageHeaders(
  http: Requester,
  options: MessageOptions & Pick<PublishOptions, 'notBefore' | 'deduplicationId' | 'contentBasedDeduplication'>,
  more: Partial<Record<OptionHeader, string | undefined>> = {},
): Headers {
  const headers = new Headers(http.headers);
  addForwarded(headers, options.headers);
  const all: typeof more = {
    Method: options.method,
    Delay: formatDuration('delay', options.delay, Math.round),
    'Not-Before': formatNumber('notBefore', options.notBefore, Math.round),
    'Deduplication-Id': options.deduplicationId,
    'Content-Based-Deduplication': options.contentBasedDeduplication ? 'true' : undefined,
    Retries: formatNumber('retries', options.retries),
    'Retry-Delay': options.retryDelay,
    Callback: options.callback,
    'Failure-Callback': options.failureCallback,
    Timeout: formatDuration('timeout', options.timeout),
    'Flow-Control-Key': options.flowControl?.key,
    'Flow-Control-Value': options.flowControl && formatFlowControl(options.flowControl),
    Label: options.label === undefined ? undefined : [options.label].flat().join(','),
    'Redact-Fields': options.redact && formatRedact(options.redact),
    ...more,
  };
  for (const [name, value] of Object.entries(all)) {
    if (value !== undefined) headers.set(prefix + name, toBytes(value));
  }
  http.telemetryHeaders.forEach((value, name) => headers.append(name, value));
  return headers;
}

/** Sets headers in the form in which the server forwards them. */
export function addForwarded(headers: Headers, own: HeadersInit | undefined): void {
  createHeaders(own).forEach((value, name) => {
    const isOurs = name.startsWith(prefix.toLowerCase()) || name === 'content-type';
    headers.set(isOurs ? name : forwardPrefix + name, value);
  });
}

/** Header names of options without the common prefix, from the contract: a misspelled one does not compile. */
type OptionHeader =
  | (typeof publishOptions)[keyof typeof publishOptions]['header']
  | (typeof callbackHeaders)[keyof typeof callbackHeaders];

const keep = (number: number) => number;

/** Text in place of a number is left to the server, as the official client does. */
function formatNumber(name: string, number: number | undefined, round = keep): string | undefined {
  if (number === undefined) return undefined;
  return String(typeof number === 'number' ? round(checkNumber(name, number)) : number);
}

function formatDuration(name: string, duration: number | Duration | undefined, round = keep) {
  return typeof duration === 'number' ? `${String(formatNumber(name, duration, round))}s` : duration;
}

function formatFlowControl({ parallelism, rate, ratePerSecond, period }: FlowControl): string {
  const parts = {
    parallelism: formatNumber('parallelism', parallelism),
    rate: formatNumber('rate', rate ?? ratePerSecond),
    period: formatDuration('period', period),
  };
  const given = Object.entries(parts).filter(([, value]) => value !== undefined);
  if (given.length === 0) {
    throw new QstashValidationError('Provide at least one of parallelism or ratePerSecond for flowControl');
  }
  return given.map(([name, value]) => `${name}=${value}`).join(', ');
}

function formatRedact({ body, header }: Redact): string | undefined {
  const headers = header === true ? ['header'] : (header ?? []).map((name) => `header[${name}]`);
  return [...(body ? ['body'] : []), ...headers].join(',') || undefined;
}

/** Sends one message. */
export function publish<TRequest>(
  http: Requester,
  path: string[],
  request: PublishRequest,
  options: CallOptions,
): Promise<PublishResponse<TRequest>> {
  return http.request({
    ...options,
    method: 'POST',
    path: [...path, formatDestination(requireDestination(request))],
    headers: formatMessageHeaders(http, { method: 'POST', ...request }),
    body: request.body,
    isRepeatable: isDeduplicated(request),
  });
}

/** Sends many messages in one request. */
export async function publishBatch<TRequest>(
  http: Requester,
  requests: readonly PublishBatchRequest[],
  options: CallOptions,
): Promise<PublishResponse<TRequest>[]> {
  const items = requests.map((request) => {
    const { body, queueName } = request;
    if (body !== undefined && typeof body !== 'string') {
      throw new QstashValidationError('The body of an item of a batch must be text');
    }
    const destination = requireDestination(request);
    const headers = [...formatMessageHeaders(http, { method: 'POST', ...request })];
    return {
      destination,
      // JSON has text, not bytes.
      headers: Object.fromEntries(headers.map(([name, value]) => [name, toText(value)])),
      body,
      ...(queueName ? { queue: queueName } : {}),
    };
  });
  const reply = await http.request<PublishResponse<TRequest> | PublishResponse<TRequest>[]>({
    ...options,
    method: 'POST',
    path: ['v2', 'batch'],
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(items),
    isRepeatable: requests.every(isDeduplicated),
  });
  return (Array.isArray(reply) ? reply : [reply]) as PublishResponse<TRequest>[];
}

/** The same request with its body as JSON; one without a body stays without. */
export function formatJson<T extends PublishBatchRequest<unknown>>(request: T): T & PublishBatchRequest {
  const headers = createHeaders(request.headers);
  headers.set('Content-Type', 'application/json');
  const { body, ...rest } = request;
  const json = body === undefined ? undefined : JSON.stringify(body);
  return { ...rest, headers, ...(json === undefined ? {} : { body: json }) } as T & PublishBatchRequest;
}

/** Whether the server keeps a second copy from becoming a second message. */
function isDeduplicated({ deduplicationId, contentBasedDeduplication }: PublishRequest): boolean {
  return isGiven(deduplicationId) || contentBasedDeduplication === true;
}
