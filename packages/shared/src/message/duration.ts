/**
 * A duration such as `10s` or `1d10h30m`, in whole milliseconds; a bare whole number means seconds. `undefined` for any
 * other text (contract H9). The result may be beyond every limit: limits are the caller's.
 */
export function parseDuration(text: string): number | undefined {
  const durationMs = /^\d+$/.test(text) ? Number(text) * 1000 : addParts(text);
  return Number.isFinite(durationMs) ? Math.round(durationMs) : undefined;
}

const unitMs = new Map([
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

/** The sum of all parts; not a number if the text is anything but parts. */
function addParts(text: string): number {
  // Sticky: each part starts where the one before ended, so that the work is linear however long the text is.
  const part = /(\d+(?:\.\d+)?)([smhd])/y;
  let totalMs = 0;
  do {
    const [, amount, unit = ''] = part.exec(text) ?? [];
    totalMs += Number(amount) * (unitMs.get(unit) ?? NaN);
  } while (part.lastIndex > 0 && part.lastIndex < text.length);
  return totalMs;
}
