/**
 * How long a failing destination asks to wait, in milliseconds: 0 for a time that has passed, `undefined` when no
 * header is usable. A wait above `maxMs` is not usable, nor is a negative one (contract D17).
 *
 * @param header value of a response header by its lower-case name
 */
export function parseRetryAfter(
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
  const instant = readDate(text, nowMs);
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

/** Go's notation, such as `6m5s` or `1.5s` (contract D17). */
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

/** The three forms of a date in HTTP (RFC 9110 section 5.6.7): today's, and two that old servers still send. */
const dateForms = [
  /^[a-z]{3,9}, (?<day>\d{1,2}) (?<month>[a-z]{3}) (?<year>\d{4}) (?<time>[\d:]{8}) (?:gmt|utc)$/i,
  /^[a-z]{3,9}, (?<day>\d{1,2})-(?<month>[a-z]{3})-(?<year>\d{2}|\d{4}) (?<time>[\d:]{8}) (?:gmt|utc)$/i,
  /^[a-z]{3} (?<month>[a-z]{3}) {1,2}(?<day>\d{1,2}) (?<time>[\d:]{8}) (?<year>\d{4})$/i,
];

/** An HTTP date, in milliseconds since 1970. The weekday is not compared, because senders get it wrong. */
function readDate(text: string, nowMs: number): number | undefined {
  const groups = dateForms.map((form) => form.exec(text)?.groups).find((match) => match !== undefined);
  const time = /^(\d\d):(\d\d):(\d\d)$/.exec(groups?.['time'] ?? '');
  if (!groups || !time) return undefined;
  const [, hour = 0, minute = 0, second = 0] = time.map(Number);
  const month = months.indexOf(groups['month']?.toLowerCase() ?? '');
  const day = Number(groups['day']);
  const midnight = new Date(Date.UTC(readYear(groups['year'] ?? '', nowMs), month, day));
  // Date would turn the 31st of February into a day of March. The 60th second is a leap second.
  const isReal = month >= 0 && midnight.getUTCDate() === day && hour < 24 && minute < 60 && second <= 60;
  return isReal ? midnight.getTime() + ((hour * 60 + minute) * 60 + second) * 1000 : undefined;
}

/** A year of two digits is at most 50 years ahead; else it belongs to the century before. */
function readYear(text: string, nowMs: number): number {
  const year = Number(text);
  if (text.length > 2) return year;
  const thisYear = new Date(nowMs).getUTCFullYear();
  const sameCentury = thisYear - (thisYear % 100) + year;
  return sameCentury > thisYear + 50 ? sameCentury - 100 : sameCentury;
}
