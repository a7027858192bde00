import { pino, stdTimeFunctions, type Logger } from 'pino';

export type Log = Logger;
export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** The log of a process: JSON lines on standard output, one per happening, named in the past. Never a body, token or key. */
export function createLog(process: string, level: (typeof logLevels)[number]): Log {
  return pino({
    level,
    base: { process },
    timestamp: stdTimeFunctions.isoTime,
    serializers: { err: writeError },
    redact: ['*.authorization', '*.Authorization', '*.token', '*.cookie', '*.Cookie'],
  });
}

/**
 * Of an error only what says what went wrong and where: those of Redis also carry the whole command, with the bodies,
 * headers and keys in it, and one of them repeats the start of it in its text.
 */
function writeError(error: unknown): object {
  if (!(error instanceof Error)) return { message: typeof error };
  const { name, message, stack } = error;
  const withoutArguments = (text: string) => text.replace(/, with args beginning with: .*/, '');
  return {
    type: name,
    message: withoutArguments(message),
    ...(stack === undefined ? {} : { stack: withoutArguments(stack) }),
    ...('code' in error ? { code: error.code } : {}),
  };
}
