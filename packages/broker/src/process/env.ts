import { isIP } from 'node:net';
import { z } from 'zod';
import { isMisspelling } from './misspelt.ts';

/** The environment variables of one process: name, what it may hold, and what it is for. */
export type EnvironmentTable = Record<string, { schema: z.ZodType; help: string }>;
export type Environment<T extends EnvironmentTable> = { [K in keyof T]: z.output<T[K]['schema']> };

/** A variable that cannot be used. The message is one sentence that names it and says what to do. */
export class ConfigurationError extends Error {
  override name = 'ConfigurationError';
}

/**
 * Reads the variables of a process. A variable that is set to nothing counts as not set.
 *
 * @throws {ConfigurationError} that names every wrong variable; values are not repeated, they may be secrets
 */
export function readEnvironment<T extends EnvironmentTable>(
  table: T,
  variables: Readonly<Record<string, string | undefined>>,
): Environment<T> {
  const values: Record<string, unknown> = {};
  const faults: string[] = [];
  for (const [name, { schema }] of Object.entries(table)) {
    const result = schema.safeParse(variables[name]?.trim() || undefined);
    if (result.success) {
      values[name] = result.data;
      continue;
    }
    const messages = [...new Set(result.error.issues.map(({ message }) => message))];
    const meant = variables[name] ? undefined : Object.keys(variables).find((one) => isMisspelling(one, name));
    faults.push(`${name}: ${messages.join(', ')}${meant === undefined ? '' : ` (${meant} is set; is it misspelt?)`}`);
  }
  if (faults.length > 0) throw new ConfigurationError(`Wrong environment: ${faults.join('; ')}.`);
  return values as Environment<T>;
}

/** A whole number within limits, given as text. */
export function integer(defaultValue: number, min: number, max = Number.MAX_SAFE_INTEGER) {
  const allowed = `use a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,16}$/, allowed)
    .transform(Number)
    .pipe(z.number().min(min, allowed).max(max, allowed))
    .default(defaultValue);
}

/** Timers of Node.js end at once when they are set to more. */
const maxTimerSeconds = 2_147_483;

/**
 * A number of seconds, given as text and kept in milliseconds, the unit of the code.
 *
 * @param maxSeconds 24 days by default, the longest that a timer can wait
 */
export function secondsAsMs(defaultSeconds: number, minSeconds = 0, maxSeconds = maxTimerSeconds) {
  const allowed = `use a number of seconds from ${minSeconds} to ${maxSeconds}`;
  return z
    .string()
    .regex(/^\d{1,10}(\.\d{1,3})?$/, allowed)
    .transform((text) => Math.round(Number(text) * 1000))
    .pipe(
      z
        .number()
        .min(minSeconds * 1000, allowed)
        .max(maxSeconds * 1000, allowed),
    )
    .default(defaultSeconds * 1000);
}

/** Ten years: for what no timer waits for. */
export const maxPeriodSeconds = 10 * 365 * 86_400;

/** `true` or `false`; `1` and `0` are accepted too. */
export function flag(defaultValue: boolean) {
  return z
    .enum(['true', 'false', '1', '0'], 'use true or false')
    .transform((text) => text === 'true' || text === '1')
    .default(defaultValue);
}

/** Items between commas; blanks around them do not count. */
export function list() {
  return z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== ''),
    )
    .default([]);
}

/** A name or an address to listen on, without a port. */
export function host(defaultValue: string) {
  const allowed = 'use an address or a name of this machine, without brackets and without a port';
  const name = /^(?!\d+(\.\d+)*$)[a-z\d]([a-z\d-]{0,62})?(\.[a-z\d]([a-z\d-]{0,62})?)*\.?$/i;
  return z
    .string()
    .refine((text) => isIP(text.replace(/%.*$/, '')) !== 0 || (text.length <= 253 && name.test(text)), allowed)
    .default(defaultValue);
}

/** Text that can be the value of a header. */
export function headerText() {
  return z.string().regex(/^[\x20-\x7e]{1,256}$/, 'use at most 256 characters of printable ASCII');
}

/** An IP address, or a range of them in CIDR notation. */
export function isAddressRange(text: string): boolean {
  const [, address = '', prefix] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  return version !== 0 && Number(prefix ?? 0) <= (version === 4 ? 32 : 128);
}
