import { z } from 'zod';

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
    if (result.success) values[name] = result.data;
    else faults.push(`${name}: ${result.error.issues.map(({ message }) => message).join(', ')}`);
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

/** A number of seconds, given as text and kept in milliseconds, the unit of the code. */
export function secondsAsMs(defaultSeconds: number, minSeconds = 0) {
  const allowed = `use a number of seconds, ${minSeconds} or more`;
  return z
    .string()
    .regex(/^\d{1,10}(\.\d{1,3})?$/, allowed)
    .transform((text) => Math.round(Number(text) * 1000))
    .pipe(z.number().min(minSeconds * 1000, allowed))
    .default(defaultSeconds * 1000);
}

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
