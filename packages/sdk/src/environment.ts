/** A variable of the process; `undefined` where there is no process, as in a browser, and where the text is empty. */
export function readVariable(name: string): string | undefined {
  // Not every runtime has it, and some have it without variables.
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  return process?.env?.[name] || undefined;
}

/** The region whose variables are used, such as `US_EAST_1`; none unless `QSTASH_REGION` or the header names one. */
export function readRegion(text: string | undefined | null): 'US_EAST_1' | 'EU_CENTRAL_1' | undefined {
  const region = text?.toUpperCase().replaceAll('-', '_');
  return region === 'US_EAST_1' || region === 'EU_CENTRAL_1' ? region : undefined;
}

/** What an official SDK and a development server know of each other: published, so no secrets. */
export const development = {
  token: 'eyJVc2VySUQiOiJkZWZhdWx0VXNlciIsIlBhc3N3b3JkIjoiZGVmYXVsdFBhc3N3b3JkIn0=',
  currentSigningKey: 'sig_7kYjw48mhY7kAjqNGcy6cr29RJ6r',
  nextSigningKey: 'sig_5ZB6DVzB1wjE8S6rZ7eenA8Pdnhs',
};

/** Where a development server listens. */
export function readDevelopmentUrl(): string {
  return `http://127.0.0.1:${readVariable('QSTASH_DEV_PORT') ?? '8080'}`;
}

/** @throws {Error} for a value of `QSTASH_DEV` that is neither yes nor no */
export function isDevelopment(given: boolean | undefined): boolean {
  if (given !== undefined) return given;
  const text = readVariable('QSTASH_DEV') ?? '';
  if (['true', '1'].includes(text.toLowerCase())) return true;
  if (['false', '0', ''].includes(text.toLowerCase())) return false;
  throw new Error(`QSTASH_DEV is '${text}': use true, 1, false or 0`);
}

/** Says on the console what works, but is probably not meant. */
export function warn(text: string): void {
  // eslint-disable-next-line no-console
  console.warn(`[posthorn] ${text}`);
}
