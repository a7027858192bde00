import { QstashValidationError } from './errors.ts';

/** The longest time that a timer takes, in milliseconds; a longer one would end at once. */
const maxTimerMs = 2 ** 31 - 1;

/**
 * Gives the value if it is a finite number of at least `min`. Anything else would switch off what it limits: every
 * comparison with `NaN` is false.
 *
 * @param name begins the sentence about a wrong value
 * @throws {QstashValidationError}
 */
export function checkNumber(name: string, value: unknown, min = 0): number {
  if (Number.isFinite(value) && (value as number) >= min) return value as number;
  const shown = typeof value === 'string' ? `'${value}'` : String(value);
  throw new QstashValidationError(`${name} is ${shown}: use a finite number${min === 0 ? ' of at least 0' : ''}`);
}

/**
 * The same for the duration of a timer, in milliseconds, as the timers of all runtimes take it.
 *
 * @throws {QstashValidationError}
 */
export function checkTimerMs(name: string, value: unknown): number {
  return Math.min(Math.ceil(checkNumber(name, value)), maxTimerMs);
}
