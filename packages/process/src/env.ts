import { isIP } from 'node:net';
import { z } from 'zod';
import { isMisspelling } from './misspelled.ts';

/** One environment variable. */
export interface EnvironmentRow {
  /** Reads the text of the variable; its default is in the same unit as the text. */
  schema: z.ZodType;
  /** `ms`: the variable is a number of seconds and ends in `_SECONDS`; its property is in milliseconds, ends in `Ms`. */
  unit?: 'ms';
  /** The default for docs/configuration.md, where it is not a value: it depends on something. */
  defaultText?: string;
  /** One sentence for docs/configuration.md. */
  help: string;
}

/** The environment variables of one process, by name. */
export type EnvironmentTable = Record<string, EnvironmentRow>;

/** A name such as `MAX_DELAY` as the name of a property: `maxDelay`. */
type CamelCase<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}${Capitalize<CamelCase<Tail>>}`
  : Lowercase<Name>;

type PropertyName<Name, Row> = Row extends { unit: 'ms' }
  ? Name extends `${infer Base}_SECONDS`
    ? `${CamelCase<Base>}Ms`
    : never
  : Name extends string
    ? CamelCase<Name>
    : never;

/** What a table makes of the variables: one property per row, named after its variable. */
export type Environment<T extends EnvironmentTable> = {
  [Name in keyof T as PropertyName<Name, T[Name]>]: z.output<T[Name]['schema']>;
};

/** A table whose rows keep their exact types, so that `Environment` can name and type its properties. */
export function defineEnvironment<const T extends EnvironmentTable>(table: T): T {
  return table;
}

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
  for (const [name, { schema, unit }] of Object.entries(table)) {
    const result = schema.safeParse(variables[name]?.trim() || undefined);
    if (result.success) {
      if (unit === 'ms') values[camelCase(name.replace(/_SECONDS$/, '_MS'))] = Math.round(Number(result.data) * 1000);
      else values[camelCase(name)] = result.data;
      continue;
    }
    const messages = [...new Set(result.error.issues.map(({ message }) => message))];
    const meant = variables[name] ? undefined : Object.keys(variables).find((one) => isMisspelling(one, name));
    faults.push(`${name}: ${messages.join(', ')}${meant === undefined ? '' : ` (${meant} is set; is it misspelled?)`}`);
  }
  if (faults.length > 0) throw new ConfigurationError(`Wrong environment: ${faults.join('; ')}.`);
  return values as Environment<T>;
}

function camelCase(name: string): string {
  return name.toLowerCase().replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
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
 * A number of seconds with at most three decimals, given as text.
 *
 * @param maxSeconds 24 days by default, the longest that a timer can wait
 */
export function seconds(defaultSeconds: number, minSeconds = 0, maxSeconds = maxTimerSeconds) {
  const allowed = `use a number of seconds from ${minSeconds} to ${maxSeconds}`;
  return z
    .string()
    .regex(/^\d{1,10}(\.\d{1,3})?$/, allowed)
    .transform(Number)
    .pipe(z.number().min(minSeconds, allowed).max(maxSeconds, allowed))
    .default(defaultSeconds);
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
