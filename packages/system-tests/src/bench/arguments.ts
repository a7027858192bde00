/**
 * Reads a whole number from the command line.
 *
 * @throws an error that names the option and says what is allowed
 */
export function parseWhole(name: string, text: string, min: number, max = Number.MAX_SAFE_INTEGER): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  const allowed = max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `from ${min} to ${max}`;
  throw new Error(`--${name}: use a whole number, ${allowed}`);
}
