// Numbers, times, bytes and bodies as a person reads them.
import { durationUnits } from '@posthorn/shared/format-duration';

export { formatDuration } from '@posthorn/shared/format-duration';

export const formatNumber = (value: number): string => value.toLocaleString('en');

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

/** An instant in a zone: the time of day, with the date unless that is today's. */
export function formatInstant(instant: number, now: number, timeZone: string): string {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
  const [date = '', time = ''] = format.format(instant).split(' ');
  return format.format(now).startsWith(date) ? time : `${date} ${time}`;
}

export function decodeBase64(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** A body as text: JSON is indented, what is no UTF-8 becomes hexadecimal. */
export function formatBody(bytes: Uint8Array): { kind: 'JSON' | 'text' | 'hex'; text: string } {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return { kind: 'hex', text: formatHex(bytes) };
  }
  // eslint-disable-next-line no-control-regex
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

/** An instant that a person has typed: `2h` ago, a date, or milliseconds; `undefined` for any other text. */
export function parseInstant(text: string, now: number): number | undefined {
  const [, amount, unit] = /^(\d{1,6})\s*([smhd])$/.exec(text.trim()) ?? [];
  const unitMs = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit ?? ''];
  if (amount && unitMs) return now - Number(amount) * unitMs;
  if (/^\d{12,14}$/.test(text.trim())) return Number(text);
  const parsed = /^\d{4}-\d\d-\d\d/.test(text.trim()) ? Date.parse(text.trim().replace(' ', 'T')) : NaN;
  return Number.isNaN(parsed) ? undefined : parsed;
}
