/** The application is set up wrongly, for example without keys, or with a variable that has an unknown value. */
export class SetupError extends Error {
  override name = 'SetupError';
}

/**
 * A variable of the process; `undefined` where there is no process, as in a browser, where the runtime may not read
 * variables, as Deno without `--allow-env`, and where the text is empty.
 */
export function readVariable(name: string): string | undefined {
  // Not every runtime has it, and some have it without variables.
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  try {
    return process?.env?.[name] || undefined;
  } catch {
    return undefined;
  }
}

/** The region whose variables are used, such as `US_EAST_1`; none unless `QSTASH_REGION` or the header names one. */
export function parseRegion(text: string | undefined | null): 'US_EAST_1' | 'EU_CENTRAL_1' | undefined {
  const region = text?.toUpperCase().replaceAll('-', '_');
  return region === 'US_EAST_1' || region === 'EU_CENTRAL_1' ? region : undefined;
}

/** Where a development server listens. */
export function readDevelopmentUrl(): string {
  return `http://127.0.0.1:${readVariable('QSTASH_DEV_PORT') ?? '8080'}`;
}

/**
 * Whether the published credentials are used. They replace credentials that are given
 * (contract C3), so a warning says that they are on.
 *
 * @param given the option `devMode`; without it, `QSTASH_DEV` decides
 * @throws {SetupError} in production, and for a value of `QSTASH_DEV` that is neither yes nor no
 */
export function isDevelopment(given: boolean | undefined): boolean {
  if (!(given ?? readDevelopmentVariable())) return false;
  const cause = given === undefined ? 'QSTASH_DEV' : 'devMode';
  if (readVariable('NODE_ENV') === 'production') {
    throw new SetupError(`${cause} is on while NODE_ENV is production: anyone could sign with the published keys`);
  }
  warnOnce(`${cause} is on: the published credentials replace all others, and anyone can sign deliveries`);
  return true;
}

function readDevelopmentVariable(): boolean {
  const text = readVariable('QSTASH_DEV') ?? '';
  if (['true', '1'].includes(text.toLowerCase())) return true;
  if (['false', '0', ''].includes(text.toLowerCase())) return false;
  throw new SetupError(`QSTASH_DEV is '${text}': use true, 1, false or 0`);
}

/** Warns on the console of a setting that works but is probably a mistake. */
export function warn(text: string): void {
  // oxlint-disable-next-line no-console -- a library has no log of its own
  console.warn(`[posthorn] ${text}`);
}

const warned = new Set<string>();

function warnOnce(text: string): void {
  if (warned.has(text)) return;
  warned.add(text);
  warn(text);
}
