// Numbers, times, bytes and bodies as a person reads them.
import { durationUnits } from '@posthorn/shared/format-duration';

export { formatDuration } from '@posthorn/shared/format-duration';

/** A whole number with commas. The first use of `Intl` takes so long that no page may need it to be drawn. */
export const formatNumber = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, ',');

/** `1 queue`, `2 queues`. */
export const formatCount = (count: number, name: string): string =>
  `${formatNumber(count)} ${name}${count === 1 ? '' : 's'}`;

/** `just now`, `2 min ago`, `in 4 min`: the largest unit alone. */
export function formatDistance(instant: number, now: number): string {
  const distanceMs = Math.abs(instant - now);
  if (distanceMs < 1000) return 'now';
  const [name, unitMs] = durationUnits.find(([, one]) => distanceMs >= one) ?? ['s', 1000];
  const text = `${Math.floor(distanceMs / unitMs)} ${name}`;
  return instant > now ? `in ${text}` : `${text} ago`;
}

export function formatBytes(bytes: number): string {
  const names = ['B', 'KB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < names.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${names[unit] ?? 'B'}`;
}

export const formatPercent = (share: number): string =>
  `${(share * 100).toFixed(share === 1 || share === 0 ? 0 : 1)} %`;

const formats = new Map<string, Intl.DateTimeFormat>();

/** An instant as `2026-01-31 14:00:00`, in a zone; `null` for that of the browser. */
function formatIn(zone: string | null, instant: number): string {
  if (zone === null) {
    const offsetMs = new Date(instant).getTimezoneOffset() * 60_000;
    return new Date(instant - offsetMs).toISOString().slice(0, 19).replace('T', ' ');
  }
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
    formats.set(zone, format);
  }
  return format.format(instant);
}

/** An instant in a zone: the time of day, with the date unless that is today's. */
export function formatInstant(instant: number, now: number, zone: string | null): string {
  const [date = '', time = ''] = formatIn(zone, instant).split(' ');
  return formatIn(zone, now).startsWith(date) ? time : `${date} ${time}`;
}

/** A body that the log shows only as a hash. */
export const isHidden = (body: string): boolean => body.startsWith('REDACTED:');

/** The bytes of a body in base64. What is none, such as a hash that stands for a hidden body, is taken as text. */
export function decodeBody(body: string): Uint8Array {
  let text: string;
  try {
    text = atob(body);
  } catch {
    return new TextEncoder().encode(body);
  }
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/**
 * A body as text: JSON is indented, what is no UTF-8 becomes hexadecimal.
 *
 * @param isCut whether only its beginning is given, which may end within a character
 */
export function formatBody(bytes: Uint8Array, isCut = false): { kind: 'JSON' | 'text' | 'hex'; text: string } {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: isCut });
  } catch {
    return { kind: 'hex', text: formatHex(bytes) };
  }
  if (/[\x00-\x08\x0e-\x1f]/.test(text)) return { kind: 'hex', text: formatHex(bytes) };
  if (/^\s*[[{]/.test(text) && text.length < 1_000_000) {
    try {
      return { kind: 'JSON', text: JSON.stringify(JSON.parse(text), null, 2) };
    } catch {
      // It only begins like JSON.
    }
  }
  return { kind: 'text', text };
}

const maxHexBytes = 16 * 1024;

function formatHex(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < Math.min(bytes.length, maxHexBytes); at += 16) {
    const row = [...bytes.slice(at, at + 16)].map((byte) => byte.toString(16).padStart(2, '0'));
    lines.push(`${at.toString(16).padStart(6, '0')}  ${row.join(' ')}`);
  }
  if (bytes.length > maxHexBytes) lines.push(`... and ${bytes.length - maxHexBytes} more bytes`);
  return lines.join('\n');
}

const ageUnitsMs: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const typedTime = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?\s*(Z|[+-]\d\d:?\d\d)?$/i;

/**
 * An instant that a person has typed: `2h` ago, milliseconds, or a time in a zone; `undefined` for any other text.
 *
 * @param roundAge makes whole minutes of an age, which would give another instant every millisecond
 */
export function parseInstant(
  text: string,
  { now, zone, roundAge }: { now: number; zone: string | null; roundAge: (minutes: number) => number },
): number | undefined {
  const typed = text.trim();
  const [, amount, unit = ''] = /^(\d{1,6})\s*([smhd])$/.exec(typed) ?? [];
  if (amount) return roundAge((now - Number(amount) * (ageUnitsMs[unit] ?? 0)) / 60_000) * 60_000;
  if (/^\d{12,14}$/.test(typed)) return Number(typed);
  const [, date, time = '00:00', offset] = typedTime.exec(typed) ?? [];
  if (date === undefined) return undefined;
  const asUtc = Date.parse(`${date}T${time}${offset?.toUpperCase() ?? 'Z'}`);
  if (Number.isNaN(asUtc) || !new Date(Date.parse(date)).toISOString().startsWith(date)) return undefined;
  return offset === undefined ? fromZone(asUtc, zone) : asUtc;
}

/** The instant whose time of day in a zone is the one that another instant has in UTC. */
function fromZone(asUtc: number, zone: string | null): number {
  const offsetAt = (instant: number) =>
    Date.parse(`${formatIn(zone, instant).replace(' ', 'T')}Z`) - Math.floor(instant / 1000) * 1000;
  // The offset is that of the instant, which is not known yet; the second guess is right around a change of the clocks, too.
  return asUtc - offsetAt(asUtc - offsetAt(asUtc));
}
