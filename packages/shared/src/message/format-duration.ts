/** Units of a duration as a person reads it, the largest first. */
export const durationUnits = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
] as const;

/** The two largest units: `34 ms`, `4 min 12 s`, `2 d 3 h`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 1000) return `${Math.max(0, Math.round(durationMs))} ms`;
  const largest = durationUnits.findIndex(([, unitMs]) => durationMs >= unitMs);
  let restMs = durationMs;
  const parts = durationUnits.slice(largest, largest + 2).map(([name, unitMs]) => {
    const count = Math.floor(restMs / unitMs);
    restMs -= count * unitMs;
    return count > 0 ? `${count} ${name}` : '';
  });
  return parts.filter(Boolean).join(' ');
}
