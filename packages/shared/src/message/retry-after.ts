/**
 * How long a failing destination asks to wait, in milliseconds: 0 for a time that has passed, `undefined` when no
 * header is usable. A wait above `maxMs` is not usable, nor is a negative one (contract, delivery.md section 7.2).
 *
 * @param header value of a response header by its lower-case name
 */
export function readRetryAfter(
  header: (name: string) => string | undefined,
  nowMs: number,
  maxMs: number,
): number | undefined {
  for (const name of names) {
    const waitMs = readWait(header(name)?.trim() ?? '', nowMs);
    if (waitMs !== undefined && waitMs <= maxMs) return Math.max(0, Math.round(waitMs));
  }
  return undefined;
}

/** Headers that may say when to come again; the first usable one counts. */
const names = ['retry-after', 'x-ratelimit-reset', 'x-ratelimit-reset-requests', 'x-ratelimit-reset-tokens'];

function readWait(text: string, nowMs: number): number | undefined {
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  if (/^\d/.test(text)) return readGoDuration(text);
  const instant = readDate(text);
  return instant === undefined ? undefined : instant - nowMs;
}

const unitMs = new Map([
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
  ['us', 0.001],
  ['ns', 0.000_001],
]);

/** Go's notation, such as `6m5s` or `1.5s` (delivery.md section 3.2). */
function readGoDuration(text: string): number | undefined {
  // Go prints a micro sign, in UTF-8; HTTP clients read headers as Latin-1, where its two bytes are two characters.
  const ascii = text.replace(/Â?[µμ]s/g, 'us');
  const part = /(\d+(?:\.\d+)?)(h|ms|m|s|us|ns)/y;
  let totalMs = 0;
  do {
    const [, amount, unit = ''] = part.exec(ascii) ?? [];
    totalMs += Number(amount) * (unitMs.get(unit) ?? NaN);
  } while (part.lastIndex > 0 && part.lastIndex < ascii.length);
  return Number.isNaN(totalMs) ? undefined : totalMs;
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** An HTTP date, in milliseconds since 1970. The weekday is not compared, because senders get it wrong. */
function readDate(text: string): number | undefined {
  const match = /^[a-z]{3,9}, (\d{1,2}) ([a-z]{3}) (\d{4}) (\d\d):(\d\d):(\d\d) (?:gmt|utc)$/i.exec(text);
  if (!match) return undefined;
  const month = months.indexOf(match[2]?.toLowerCase() ?? '');
  const [, day = 0, , year = 0, hour = 0, minute = 0, second = 0] = match.map(Number);
  const midnight = new Date(Date.UTC(year, month, day));
  // Date would turn the 31st of February into a day of March. The 60th second is a leap second.
  const isReal = month >= 0 && midnight.getUTCDate() === day && hour < 24 && minute < 60 && second <= 60;
  return isReal ? midnight.getTime() + ((hour * 60 + minute) * 60 + second) * 1000 : undefined;
}
