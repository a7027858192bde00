/** The server refused a request, or the client did before sending it (contract, sdk-surface.md section 4). */
export class QstashError extends Error {
  override name = 'QstashError';
  /** Status of the answer; none if nothing was sent. */
  readonly status: number | undefined;

  /** @param message the body of the answer as it came */
  constructor(message: string, status?: number) {
    super(message || `Error: status=${String(status)}`);
    this.status = status;
  }
}

/** How many requests are allowed, how many are left, and when that begins anew; as the server wrote it. */
export interface RateLimit {
  limit: string | null;
  remaining: string | null;
  reset: string | null;
}

/** 429, with what the server says about its limit. Nothing tries it again. */
abstract class RateLimitedError extends QstashError implements RateLimit {
  readonly limit: string | null;
  readonly remaining: string | null;
  readonly reset: string | null;

  constructor(message: string, { limit, remaining, reset }: RateLimit) {
    super(message, 429);
    this.limit = limit;
    this.remaining = remaining;
    this.reset = reset;
  }
}

/** Too many requests in a short time. */
export class QstashRatelimitError extends RateLimitedError {
  override name = 'QstashRatelimitError';
}

/** The messages of the day are used up. */
export class QstashDailyRatelimitError extends RateLimitedError {
  override name = 'QstashDailyRatelimitError';
}

/** The error that an answer other than 2xx stands for (contract, http-api.md section 1.5). */
export function readError({ status, headers }: Response, body: string): QstashError {
  if (status !== 429) return new QstashError(body, status);
  const daily = readRateLimit(headers, 'RateLimit-');
  if (daily.limit !== null) return new QstashDailyRatelimitError(body, daily);
  return new QstashRatelimitError(body, readRateLimit(headers, 'Burst-RateLimit-'));
}

function readRateLimit(headers: Headers, start: string): RateLimit {
  return {
    limit: headers.get(`${start}Limit`),
    remaining: headers.get(`${start}Remaining`),
    reset: headers.get(`${start}Reset`),
  };
}
