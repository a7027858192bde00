import { InvalidArgumentError, Option } from 'commander';

/** A whole number, 0 or more. */
export function parseCount(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Use a whole number.');
  return Number(text);
}

/** The same for an option that may come several times. */
export function collectCount(text: string, earlier: number[] | undefined): number[] {
  return [...(earlier ?? []), parseCount(text)];
}

/** Maximum number of entries of a list; 0 stands for all. */
export function parseLimit(text: string): number {
  return parseCount(text) || Infinity;
}

/** `--limit` of what has no limit by default. */
export function createLimit(): Option {
  return new Option('--limit <number>', 'maximum number; 0 for all').argParser(parseLimit).default(Infinity, 'all');
}

/** What travels in a header, as UTF-8: any text without control characters. */
export function parseHeaderText(text: string): string {
  const [misfit] = /[^\t\x20-\x7e\x80-\u{10ffff}]/u.exec(text) ?? [];
  if (misfit === undefined) return text;
  throw new InvalidArgumentError(`It travels in an HTTP header, which cannot hold ${JSON.stringify(misfit)}.`);
}

/** Adds a value of an option, such as a label, that may be repeated or have several values with commas. */
export function collectHeaderText(text: string, earlier?: string[]): string[] {
  return collect(parseHeaderText(text), earlier);
}

/** Adds one more value of an option that may come several times, or with commas. */
export function collect(text: string, earlier: string[] = []): string[] {
  return [...earlier, ...text.split(',').map((each) => each.trim())].filter(Boolean);
}

/** The same for values that may have a comma in them. */
export function collectWhole(text: string, earlier: string[] = []): string[] {
  return [...earlier, text];
}

const unitMs: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** An instant in milliseconds since 1970: a date, seconds or milliseconds since 1970, or how long ago, such as `2h`. */
export function parsePast(text: string): number {
  const [, amount, unit = ''] = /^(\d+)([smhd])$/.exec(text) ?? [];
  return amount ? Date.now() - Number(amount) * (unitMs[unit] ?? 0) : parseInstant(text);
}

/** An instant in milliseconds since 1970: a date, or seconds or milliseconds since 1970. */
export function parseInstant(text: string): number {
  // As seconds, 12 digits would be the year 5000 and later.
  if (/^\d{9,15}$/.test(text)) return text.length > 11 ? Number(text) : Number(text) * 1000;
  const instantMs = /^\d{4}-\d\d/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(instantMs)) {
    throw new InvalidArgumentError('Use a date such as 2026-03-01T09:00, or a time since 1970 in s or ms.');
  }
  return instantMs;
}

/** Collects up to `limit`, and tells whether there is more. */
export async function take<T>(entries: AsyncIterable<T>, limit: number): Promise<{ taken: T[]; isMore: boolean }> {
  const taken: T[] = [];
  for await (const entry of entries) {
    if (taken.length === limit) return { taken, isMore: true };
    taken.push(entry);
  }
  return { taken, isMore: false };
}
