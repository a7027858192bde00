import { createConnectionError, isUnconnected } from './connection-errors.ts';
import { QstashEmptyArrayError, QstashError, QstashTimeoutError, QstashValidationError, toError } from './errors.ts';
import { checkNumber, checkTimerMs } from './numbers.ts';
import { toBytes, toText } from './text.ts';

/** What `fetch` takes as a body. */
export type BodyInit =
  | Blob
  | FormData
  | URLSearchParams
  | ReadableStream<Uint8Array>
  | ArrayBuffer
  | Uint8Array
  | string;

/** What `new Headers()` takes. */
export type HeadersInit = Headers | Record<string, string> | [string, string][] | IterableIterator<[string, string]>;

export type HTTPMethods = 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH';

/** What is tried again, and when: requests that got no response or 503, where a repetition can do no harm. */
export interface Retry {
  /** A finite number of at least 0; 5 by default. */
  retries?: number;
  /** Milliseconds before the next try, from the number of retries made so far; `exp(n) * 50` by default. */
  backoff?: (retried: number) => number;
}

/** What every method takes as its last argument. */
export interface CallOptions {
  /** Ends the call; it then rejects with the reason of the signal. */
  signal?: AbortSignal;
  /**
   * Maximum number of milliseconds that the call may take, all its tries together; by default that of the client. For a
   * stream, until it begins.
   */
  timeoutMs?: number;
}

export type Query = Record<string, string | number | boolean | Date | readonly (string | number)[] | undefined>;

/** One request of the low level. */
export interface HttpRequest extends CallOptions {
  /** Joined with slashes behind the base URL; nothing in it is encoded. */
  path: string[];
  /** `GET` by default. */
  method?: HTTPMethods;
  /** A list becomes a repeated parameter, a `Date` its milliseconds, `undefined` nothing. */
  query?: Query;
  headers?: HeadersInit;
  body?: BodyInit | null | undefined;
  /** `false` ignores the body of the response. */
  parseResponseAsJson?: boolean;
  keepalive?: boolean;
  /** In place of that of the client; without a slash at its end. */
  baseUrl?: string;
  /** Whether a second copy of the request does no harm; by default true for every method but `POST`. */
  isRepeatable?: boolean;
  /**
   * The result when a repetition finds nothing (404) after a try whose answer was lost: that try has done it. A `DELETE`
   * whose answer is ignored needs none.
   */
  whenDone?: unknown;
}

/** The HTTP behind the nouns, for what they do not have. */
export interface Requester {
  /** Sends a request and gives its JSON. @throws {QstashError} */
  request<T = unknown>(request: HttpRequest): Promise<T>;
  /** Sends a request whose answer is an event stream and gives the JSON of each event. @throws {QstashError} */
  requestStream<T = unknown>(request: HttpRequest): AsyncIterable<T>;
  /** Headers of every message, as they go to the server. */
  readonly headers: Headers;
  /** What every message says about this client. */
  readonly telemetryHeaders: Headers;
}

/** Where requests go. */
export interface Server {
  /** Without a slash at its end. */
  baseUrl: string;
  token: string;
  /** What to do if no server listens at the base URL. */
  hint?: string;
}

export interface HttpOptions {
  /** Asked with every request. */
  findServer: () => Server;
  /** `false` stands for one try. */
  retry: Retry | false;
  timeoutMs: number | undefined;
  headers: Headers;
  telemetryHeaders: Headers;
}

export function createHttp(options: HttpOptions): Requester {
  const { headers, telemetryHeaders } = options;
  return {
    headers,
    telemetryHeaders,
    async request<T>(request: HttpRequest) {
      return send(options, request, async (response) => {
        const text = await response.text();
        if (!response.ok) throw toError(response, text);
        return (request.parseResponseAsJson === false ? undefined : readJson(text, response.status)) as T;
      });
    },
    async *requestStream<T>(request: HttpRequest) {
      yield* await send(options, request, async (response, explain) => {
        if (!response.ok) throw toError(response, await response.text());
        return readEventStream(response, explain) as AsyncIterable<T>;
      });
    },
  };
}

/** Not parsed with the contract: a newer server may say more than this client knows. */
function readJson(text: string, status: number): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new QstashError(`The response is not JSON: ${text.slice(0, 200)}`, status, { cause });
  }
}

/**
 * Sends until there is a response. A request that may be repeated is tried again without any response and on 503; another
 * one only when no connection came about, so that nothing can have been sent.
 *
 * @param read what ends the call; gets what turns the error of a broken connection into that of the call
 */
async function send<T>(
  options: HttpOptions,
  request: HttpRequest,
  read: (response: Response, explain: (cause: unknown) => unknown) => Promise<T>,
): Promise<T> {
  const { signal: given, timeoutMs = options.timeoutMs, whenDone } = request;
  given?.throwIfAborted();
  const server = options.findServer();
  const url = createUrl(server.baseUrl, request);
  const limitMs = timeoutMs === undefined ? undefined : checkTimerMs('timeoutMs', timeoutMs);
  const late = limitMs === undefined ? undefined : new AbortController();
  const signal = given && late ? AbortSignal.any([given, late.signal]) : (given ?? late?.signal);
  const init = createInit(request, server.token, signal);
  const explain = (cause: unknown): unknown => {
    if (given?.aborted) return given.reason;
    if (late?.signal.aborted)
      return new QstashTimeoutError(`No response within ${String(timeoutMs)} ms`, undefined, { cause });
    return cause instanceof QstashError ? cause : createConnectionError(url, cause, server.hint);
  };

  const { retry } = options;
  // A stream is used up by its first try.
  const isStream = request.body instanceof ReadableStream;
  const retries = retry === false || isStream ? 0 : checkNumber('retry.retries', retry.retries ?? 5);
  const backoff = (retry === false ? undefined : retry.backoff) ?? ((retried: number) => Math.exp(retried) * 50);
  const isRepeatable = request.isRepeatable ?? request.method !== 'POST';
  const isDone = whenDone !== undefined || (request.method === 'DELETE' && request.parseResponseAsJson === false);
  /** Whether an earlier try may have been carried out. */
  let isLost = false;
  // A stream that has begun goes on: its timer is cleared.
  const timer = late && setTimeout(() => late.abort(), limitMs);
  try {
    for (let retried = 0; ; retried++) {
      let response;
      try {
        response = await fetch(url, init);
      } catch (cause) {
        const isSent = !isUnconnected(cause);
        if (signal?.aborted || retried >= retries || (isSent && !isRepeatable)) throw cause;
        isLost ||= isSent;
      }
      const isGone = isLost && isDone && response?.status === 404;
      if (response && !isGone && !(response.status === 503 && isRepeatable && retried < retries))
        return await read(response, explain);
      await response?.body?.cancel();
      if (isGone) return whenDone as T;
      isLost ||= response !== undefined;
      await wait(checkTimerMs('The result of retry.backoff', backoff(retried)), signal);
    }
  } catch (cause) {
    throw explain(cause);
  } finally {
    clearTimeout(timer);
  }
}

function createUrl(clientUrl: string, { baseUrl = clientUrl, path, query = {} }: HttpRequest): URL {
  const url = parseUrl(baseUrl, path);
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    const values = Array.isArray(value) ? (value as (string | number)[]) : [value as string | number | boolean | Date];
    if (values.length === 0) throw new QstashEmptyArrayError(name);
    for (const one of values) {
      const plain = one instanceof Date ? one.getTime() : one;
      url.searchParams.append(name, String(typeof plain === 'number' ? checkNumber(name, plain, -Infinity) : plain));
    }
  }
  return url;
}

function parseUrl(baseUrl: string, path: string[]): URL {
  try {
    return new URL([baseUrl, ...path].join('/'));
  } catch (cause) {
    throw new QstashValidationError(`The base URL '${baseUrl}' is not absolute`, undefined, { cause });
  }
}

function createInit(
  { method = 'GET', body, keepalive, headers: own }: HttpRequest,
  token: string,
  signal?: AbortSignal,
) {
  const headers = createHeaders(own);
  if (!headers.has('Authorization')) headers.set('Authorization', `Bearer ${token}`);
  return {
    method,
    headers,
    body: body ?? null,
    ...(keepalive === undefined ? {} : { keepalive }),
    ...(signal ? { signal } : {}),
    // `fetch` sends a stream only in half-duplex mode.
    ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
  } as RequestInit;
}

/** Headers whose values are UTF-8, whether they were given as text or as such bytes already. */
export function createHeaders(list: HeadersInit | undefined = {}): Headers {
  const headers = new Headers();
  // Values may be anything from callers without types; `Headers` make text of them, too.
  const entries: Iterable<[string, unknown]> = Symbol.iterator in list ? list : Object.entries(list);
  for (const [name, value] of entries) {
    headers.append(name, toBytes(toText(String(value))));
  }
  return headers;
}

function wait(durationMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, durationMs);
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}

/** The JSON behind each `data:`; an event may come in several pieces. */
async function* readEventStream(response: Response, explain: (cause: unknown) => unknown): AsyncIterable<unknown> {
  const reader = response.body?.getReader();
  if (!reader) return;
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw explain(cause);
      });
      rest += done ? '\n' : decoder.decode(value, { stream: true });
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const json = /^data: ?(.*?)\r?$/.exec(line)?.[1];
        if (json === '[DONE]') return;
        if (json) yield readJson(json, response.status);
      }
      if (done) return;
    }
  } finally {
    // Fails for a stream that is broken already.
    await reader.cancel().catch(() => undefined);
  }
}
