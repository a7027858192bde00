const unitMs: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * A duration such as `10s` or `1d10h30m`, in milliseconds; a bare whole number means seconds. `undefined` for any
 * other text (contract, delivery.md section 3.1).
 */
export function readDuration(text: string): number | undefined {
  if (/^\d{1,12}$/.test(text)) return Number(text) * 1000;
  // Longer texts can only be a mistake or an attack.
  if (text.length > 100 || !/^(\d+(\.\d+)?[smhd])+$/.test(text)) return undefined;
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)([smhd])/g)) {
    totalMs += Number(amount) * (unitMs[unit ?? ''] ?? 0);
  }
  return Math.round(totalMs);
}
