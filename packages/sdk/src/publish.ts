import { forwardPrefix, prefix, publishOptions, type Method, type Published } from '@posthorn/shared';
import { QstashError } from './errors.ts';

export type HTTPMethods = Method;
/** Digits and a unit, such as `10s`, `5m`, `2h` or `1d`. */
export type Duration = `${bigint}${'s' | 'm' | 'h' | 'd'}`;

interface PublishOptions {
  /** Names that begin with `upstash-`, and `content-type`, go to posthorn as they are; all others to the destination. */
  headers?: HeadersInit;
  /** Method of the delivery; `POST` by default. */
  method?: HTTPMethods;
  /** Wait before the first attempt: seconds, or a duration. */
  delay?: number | Duration;
  /** No attempt before this instant, in seconds since 1970; beats `delay`. */
  notBefore?: number;
  /** Retries after a failed first attempt; 3 by default. */
  retries?: number;
  /** Wait before the next attempt in milliseconds, as an expression over `retried`. */
  retryDelay?: string;
  /** Limit of one attempt: seconds, or a duration. */
  timeout?: number | Duration;
  label?: string | string[];
}

type To = { url: string; urlGroup?: never } | { urlGroup: string; url?: never };

export type PublishRequest = PublishOptions & To & { body?: BodyInit };
export type PublishJsonRequest = PublishOptions & To & { body?: unknown };

export type PublishToUrlResponse = Published;
export type PublishToUrlGroupsResponse = Published[];
export type PublishResponse<R> = R extends { urlGroup: string } ? PublishToUrlGroupsResponse : PublishToUrlResponse;

/** The destination as the path has it. @throws {QstashError} when there is none */
export function readDestination(request: To): string {
  const destination = request.url ?? request.urlGroup;
  if (!destination) throw new QstashError(`Failed to infer request path for ${JSON.stringify(request)}`);
  return destination;
}

/** The headers of a publish request (contract, sdk-surface.md section 1.3). */
export function writePublishHeaders(request: PublishOptions, own: Headers, defaults: HeadersInit | undefined): Headers {
  const headers = new Headers();
  for (const list of [new Headers(defaults), own]) {
    list.forEach((value, name) => {
      const isOurs = name.startsWith(prefix.toLowerCase()) || name === 'content-type';
      headers.set(isOurs ? name : forwardPrefix + name, value);
    });
  }
  const set = (option: keyof typeof publishOptions, value: string | undefined) => {
    if (value !== undefined) headers.set(prefix + publishOptions[option].header, value);
  };
  set('method', request.method ?? 'POST');
  set('delayMs', writeDuration(request.delay, Math.round));
  set('notBefore', request.notBefore === undefined ? undefined : String(Math.round(request.notBefore)));
  set('retries', request.retries === undefined ? undefined : String(request.retries));
  set('retryDelay', request.retryDelay);
  set(
    'timeoutMs',
    writeDuration(request.timeout, (seconds) => seconds),
  );
  set('labels', request.label === undefined ? undefined : [request.label].flat().join(','));
  return headers;
}

function writeDuration(
  duration: number | Duration | undefined,
  round: (seconds: number) => number,
): string | undefined {
  return typeof duration === 'number' ? `${round(duration)}s` : duration;
}
