/** Response headers that may say when to come again; the first usable one counts (contract, delivery.md section 7.2). */
const names = ['retry-after', 'x-ratelimit-reset', 'x-ratelimit-reset-requests', 'x-ratelimit-reset-tokens'];

const unitMs: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 0.001, 'µs': 0.001, ns: 0.000_001 };
const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/**
 * How long a failing destination asks to wait, in milliseconds: 0 for a time that has passed, `undefined` when no
 * header is usable or it asks for more than `maxMs`.
 *
 * @param header value of a response header by its lower-case name
 */
export function readRetryAfter(
  header: (lowerName: string) => string | undefined,
  nowMs: number,
  maxMs: number,
): number | undefined {
  for (const name of names) {
    const text = header(name)?.trim();
    const waitMs = text ? readWait(text, nowMs) : undefined;
    if (waitMs !== undefined && waitMs <= maxMs) return Math.max(0, Math.round(waitMs));
  }
  return undefined;
}

function readWait(text: string, nowMs: number): number | undefined {
  if (text.length > 100) return undefined;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  return readGoDuration(text) ?? readDate(text, nowMs);
}

/** Go's notation, such as `6m5s` or `1.5s` (delivery.md section 3.2). */
function readGoDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(h|ms|m|s|us|µs|ns))+$/.test(text)) return undefined;
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g)) {
    totalMs += Number(amount) * (unitMs[unit ?? ''] ?? 0);
  }
  return totalMs;
}

/** An HTTP date. The weekday is not looked at, because senders get it wrong. */
function readDate(text: string, nowMs: number): number | undefined {
  const match = /^[a-z]+, (\d{1,2}) ([a-z]{3}) (\d{4}) (\d\d):(\d\d):(\d\d) (gmt|utc)$/i.exec(text);
  const month = months.indexOf(match?.[2]?.toLowerCase() ?? '');
  if (!match || month < 0) return undefined;
  const [, day, , year, hour, minute, second] = match.map(Number);
  return Date.UTC(year ?? 0, month, day, hour, minute, second) - nowMs;
}
