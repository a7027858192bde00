/** Local time with its offset, such as `2026-03-01T09:05:00.250+01:00`. */
export function formatTime(instantMs: number): string {
  const time = new Date(instantMs);
  const offset = -time.getTimezoneOffset();
  // What the clock on the wall shows, written as if it were UTC.
  const local = new Date(instantMs + offset * 60_000).toISOString().slice(0, -1);
  const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60];
  return `${local}${offset < 0 ? '-' : '+'}${pad(hours)}:${pad(minutes)}`;
}

/** How far away it is, such as `in 5m 10s` or `2h ago`. */
export function formatDistance(instantMs: number, nowMs = Date.now()): string {
  const distanceMs = instantMs - nowMs;
  if (Math.abs(distanceMs) < 1000) return 'now';
  return distanceMs > 0 ? `in ${formatDuration(distanceMs)}` : `${formatDuration(-distanceMs)} ago`;
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const;

/** The two largest units that count, such as `1d 4h`, `90 ms` or `12s`; what is smaller is cut off. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 1000) return `${Math.round(durationMs)} ms`;
  const largest = units.findIndex(([, unitMs]) => durationMs >= unitMs);
  let restMs = durationMs;
  const parts = units.slice(largest, largest + 2).map(([name, unitMs]) => {
    const count = Math.floor(restMs / unitMs);
    restMs -= count * unitMs;
    return count > 0 ? `${count}${name}` : '';
  });
  return parts.filter(Boolean).join(' ');
}

function pad(number: number): string {
  return String(number).padStart(2, '0');
}
