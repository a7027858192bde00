import { pino, stdTimeFunctions, type Logger } from 'pino';

export type Log = Logger;
export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** The log of a process: JSON lines on standard output, one per happening, named in the past. Never a body, token or key. */
export function createLog(process: string, level: (typeof logLevels)[number]): Log {
  return pino({
    level,
    base: { process },
    timestamp: stdTimeFunctions.isoTime,
    redact: ['*.authorization', '*.Authorization', '*.token', '*.cookie', '*.Cookie'],
  });
}
