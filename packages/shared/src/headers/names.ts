/** The common prefix of every header of the wire format, and of its query form in lower case. */
export const prefix = 'Upstash-';

/** What the header names of a request begin with, in the lower case in which they are compared. */
export const forwardPrefix = 'upstash-forward-';
export const callbackForwardPrefix = 'upstash-callback-forward-';
export const failureCallbackForwardPrefix = 'upstash-failure-callback-forward-';

/** A publish with this header, or its query form, makes a schedule (contract P9). */
export const cronName = 'upstash-cron';

/** Headers that posthorn itself puts on a delivery (contract D4). */
export const deliveryNames = {
  messageId: 'Upstash-Message-Id',
  retried: 'Upstash-Retried',
  signature: 'Upstash-Signature',
  scheduleId: 'Upstash-Schedule-Id',
  topicName: 'Upstash-Topic-Name',
  callerIp: 'Upstash-Caller-Ip',
  region: 'Upstash-Region',
} as const;

/** Headers that tell a caller how many requests it may still make in this second (contract E13). */
export const burstRateLimitNames = {
  limit: 'Burst-RateLimit-Limit',
  remaining: 'Burst-RateLimit-Remaining',
  reset: 'Burst-RateLimit-Reset',
} as const;

/** In a response to an accepted request with an unknown `Upstash-*` header or filter, which may be a mistake. */
export const warningName = 'Posthorn-Warning';

/** A destination refuses further attempts with status 489 and this header (contract D8). */
export const nonRetryableName = 'upstash-nonretryable-error';
export const nonRetryableStatus = 489;

/** The query parameter that may carry the token instead of the `Authorization` header (contract T11). */
export const tokenParameter = 'qstash_token';

/** `content-type` becomes `Content-Type`: each part between hyphens capitalised (contract T19). */
export function canonicalName(name: string): string {
  const known = canonicalNames.get(name);
  if (known) return known;
  // Most traffic uses a few names over and over; a bounded memory of them saves the expression below.
  const isKept = canonicalNames.size < 1000 && name.length <= 100;
  // A copy: what is cut out of a long line keeps the line in memory.
  const own = isKept ? Array.from(name).join('') : name;
  const canonical = own.toLowerCase().replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
  if (isKept) canonicalNames.set(own, canonical);
  return canonical;
}

const canonicalNames = new Map<string, string>();
