/** What the exit status says; printed by `--help`. */
export const exitCodes = [
  { code: 0, meaning: 'done' },
  { code: 1, meaning: 'refused by the server, or failed' },
  { code: 2, meaning: 'wrong usage: nothing was sent' },
  { code: 3, meaning: 'not found' },
  { code: 4, meaning: 'no response from the server, or it is unavailable' },
  { code: 5, meaning: 'the token is missing or wrong, or may not do this' },
] as const;
export type ExitCode = (typeof exitCodes)[number]['code'];

/** Ends the command line with a sentence for the person at the terminal. */
export class Failure extends Error {
  override name = 'Failure';
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** What a call that has failed means, and what to do about it. */
export async function explain(
  error: unknown,
  { url, tokenFrom }: { url: string; tokenFrom: string },
): Promise<unknown> {
  const sdk = await import('@posthorn/sdk');
  if (!(error instanceof sdk.QstashError)) return error;
  const because = (text: string, exitCode: ExitCode) => new Failure(text, exitCode, { cause: error });

  if (error instanceof sdk.QstashTimeoutError) return because(`${url}: ${error.message}. Try again later.`, 4);
  if (error instanceof sdk.QstashConnectionError) {
    return because(
      `${error.message}.\nIs posthorn running? Start it with \`npm start\` or \`posthorn start\` in its checkout, ` +
        'or say where it is with --url or QSTASH_URL.',
      4,
    );
  }
  if (error instanceof sdk.QstashUnavailableError) {
    return because(`${url} is unavailable (${String(error.status)}): ${error.detail}. Try again later.`, 4);
  }
  if (error.status === 401) {
    return because(
      `${url} does not know the token of ${tokenFrom}. Set QSTASH_TOKEN to the one it was started with.`,
      5,
    );
  }
  if (error.status === 403) return because(error.detail, 5);
  if (error.status === 404) {
    return because(isFromPosthorn(error) ? error.detail : `${url} does not look like posthorn: it answered 404.`, 3);
  }
  // What the SDK refuses itself has no status.
  if (error.status === undefined) return because(error.message, error instanceof sdk.QstashValidationError ? 2 : 1);
  return because(error.detail, 1);
}

/** Its errors are JSON. */
function isFromPosthorn({ message, detail }: { message: string; detail: string }): boolean {
  return message !== detail;
}
