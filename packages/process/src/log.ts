import { isatty } from 'node:tty';
import { pino, stdTimeFunctions, type Logger, type LoggerOptions } from 'pino';
import { formatForTerminal } from './format-for-terminal.ts';
import { createLogOutput } from './log-output.ts';

export type Log = Logger;
export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** The log of a process, and how many of its lines could not be written. */
export interface ProcessLog {
  log: Log;
  dropped: () => number;
}

/**
 * Opens the log of a process on standard output, and makes a crash its last line, followed by exit status 1. JSON, one
 * line per event; for people where standard output is a terminal.
 *
 * @param number which one of several processes of this name it is
 */
export function openLog(name: string, level: (typeof logLevels)[number], number?: number): ProcessLog {
  const options = describeLog(name, level, number);
  const format = isatty(1) ? formatForTerminal : (line: string) => line;
  let report = '';
  const reports = pino(options, { write: (line) => (report = format(line)) });
  const output = createLogOutput({
    describeDrop(lines) {
      report = '';
      reports.warn({ lines }, 'log.dropped');
      return report;
    },
  });
  const log = pino(options, { write: (line) => output.write(format(line)) });
  endAfterCrash(log);
  return { log, dropped: output.dropped };
}

/** Never a body, token or key. */
function describeLog(name: string, level: (typeof logLevels)[number], number?: number): LoggerOptions {
  return {
    level,
    base: { process: name, ...(number === undefined ? {} : { number }) },
    timestamp: stdTimeFunctions.isoTime,
    serializers: { err: formatError },
    redact: ['*.authorization', '*.Authorization', '*.token', '*.cookie', '*.Cookie'],
  };
}

/** Node would write the stack to standard error and wait for its reader, if that is slow. */
function endAfterCrash(log: Log): void {
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'process.crashed');
    process.exit(1);
  });
}

/**
 * Only the type, the text and the stack of an error. Errors of Redis also contain the whole command, with bodies,
 * headers and keys, and one of them repeats its beginning in its text.
 */
function formatError(error: unknown): object {
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
