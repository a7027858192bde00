/** The server refused a request, or the client did before sending it (contract C19). */
export class QstashError extends Error {
  override name = 'QstashError';
  /** Status of the response; none if there was no response. */
  readonly status: number | undefined;

  /** @param message the body of the response as it came */
  constructor(message: string, status?: number, options?: ErrorOptions) {
    super(message || `Error: status=${String(status)}`, options);
    this.status = status;
  }

  /** The server's own sentence: the message without the JSON around it. */
  get detail(): string {
    try {
      const { error } = JSON.parse(this.message) as { error?: unknown };
      return typeof error === 'string' ? error : this.message;
    } catch {
      return this.message;
    }
  }
}

/** The request is wrong: status 400, or none when the client saw it first and sent nothing. */
export class QstashValidationError extends QstashError {
  override name = 'QstashValidationError';
}

/** A list in a query is empty. That would mean everything to the server, so nothing was sent. */
export class QstashEmptyArrayError extends QstashValidationError {
  override name = 'QstashEmptyArrayError';

  constructor(parameter: string) {
    super(
      `Empty array provided for query parameter "${parameter}". ` +
        'Give at least one value, or leave the parameter out to have all.',
    );
  }
}

/** The token is missing or wrong (401), or may only read (403). */
export class QstashUnauthorizedError extends QstashError {
  override name = 'QstashUnauthorizedError';
}

/** There is no such message, queue, schedule, URL group, DLQ entry or flow-control key: status 404. */
export class QstashNotFoundError extends QstashError {
  override name = 'QstashNotFoundError';
}

/** A limit of the server would be exceeded, such as the number of queues or the longest delay: status 412. */
export class QstashLimitError extends QstashError {
  override name = 'QstashLimitError';
}

/** The server is unavailable, or could not be reached: status 502, 503 or 504, or none. The same may work later. */
export class QstashUnavailableError extends QstashError {
  override name = 'QstashUnavailableError';
}

/** No response came. `cause` is the error of `fetch`. */
export class QstashConnectionError extends QstashUnavailableError {
  override name = 'QstashConnectionError';
}

/** No whole response came within `timeoutMs`. What was sent may have been carried out. */
export class QstashTimeoutError extends QstashUnavailableError {
  override name = 'QstashTimeoutError';
}

/** How many requests are allowed, how many are left, and when the count starts again; as the server wrote it. */
export interface RateLimit {
  limit: string | null;
  remaining: string | null;
  /** In seconds since 1970. */
  reset: string | null;
}

/** Too many requests in a short time: status 429. Nothing tries it again. */
export class QstashRatelimitError extends QstashError implements RateLimit {
  override name = 'QstashRatelimitError';
  readonly limit: string | null;
  readonly remaining: string | null;
  readonly reset: string | null;

  constructor({ limit, remaining, reset }: RateLimit, message?: string) {
    super(message || `Exceeded burst rate limit. ${JSON.stringify({ limit, remaining, reset })}`, 429);
    this.limit = limit;
    this.remaining = remaining;
    this.reset = reset;
  }

  /** When requests are allowed again, if the server said so. */
  get resetAt(): Date | undefined {
    return parseInstant(this.reset);
  }
}

/** The messages of the day are used up: status 429. */
export class QstashDailyRatelimitError extends QstashError implements RateLimit {
  override name = 'QstashDailyRatelimitError';
  readonly limit: string | null;
  readonly remaining: string | null;
  readonly reset: string | null;

  constructor({ limit, remaining, reset }: RateLimit, message?: string) {
    super(message || `Exceeded daily rate limit. ${JSON.stringify({ limit, remaining, reset })}`, 429);
    this.limit = limit;
    this.remaining = remaining;
    this.reset = reset;
  }

  /** When messages are accepted again, if the server said so. */
  get resetAt(): Date | undefined {
    return parseInstant(this.reset);
  }
}

/** What a server for language models says about its limits, as it wrote it. */
export interface ChatRateLimit {
  'limit-requests': string | null;
  'limit-tokens': string | null;
  'remaining-requests': string | null;
  'remaining-tokens': string | null;
  'reset-requests': string | null;
  'reset-tokens': string | null;
}

/** Too many requests to a language model: status 429. Posthorn never answers so. */
export class QstashChatRatelimitError extends QstashError {
  override name = 'QstashChatRatelimitError';
  readonly limitRequests: string | null;
  readonly limitTokens: string | null;
  readonly remainingRequests: string | null;
  readonly remainingTokens: string | null;
  readonly resetRequests: string | null;
  readonly resetTokens: string | null;

  constructor(limits: ChatRateLimit, message?: string) {
    super(message || `Exceeded chat rate limit: ${JSON.stringify(limits)}`, 429);
    this.limitRequests = limits['limit-requests'];
    this.limitTokens = limits['limit-tokens'];
    this.remainingRequests = limits['remaining-requests'];
    this.remainingTokens = limits['remaining-tokens'];
    this.resetRequests = limits['reset-requests'];
    this.resetTokens = limits['reset-tokens'];
  }
}

/** The error that a response other than 2xx stands for (contract C19). */
export function toError({ status, headers }: Response, body: string): QstashError {
  switch (status) {
    case 400:
      return new QstashValidationError(body, status);
    case 401:
    case 403:
      return new QstashUnauthorizedError(body, status);
    case 404:
      return new QstashNotFoundError(body, status);
    case 412:
      return new QstashLimitError(body, status);
    case 429: {
      const chat = (name: keyof ChatRateLimit) => headers.get(`x-ratelimit-${name}`);
      if (chat('limit-requests') !== null) {
        const limits = {
          'limit-requests': chat('limit-requests'),
          'limit-tokens': chat('limit-tokens'),
          'remaining-requests': chat('remaining-requests'),
          'remaining-tokens': chat('remaining-tokens'),
          'reset-requests': chat('reset-requests'),
          'reset-tokens': chat('reset-tokens'),
        };
        return new QstashChatRatelimitError(limits, body);
      }
      const daily = readRateLimit(headers, 'RateLimit-');
      if (daily.limit !== null) return new QstashDailyRatelimitError(daily, body);
      return new QstashRatelimitError(readRateLimit(headers, 'Burst-RateLimit-'), body);
    }
    case 502:
    case 503:
    case 504:
      return new QstashUnavailableError(body, status);
    default:
      return new QstashError(body, status);
  }
}

function readRateLimit(headers: Headers, start: string): RateLimit {
  return {
    limit: headers.get(`${start}Limit`),
    remaining: headers.get(`${start}Remaining`),
    reset: headers.get(`${start}Reset`),
  };
}

function parseInstant(seconds: string | null): Date | undefined {
  return seconds && /^\d+(\.\d+)?$/.test(seconds) ? new Date(Number(seconds) * 1000) : undefined;
}
