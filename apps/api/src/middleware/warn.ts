import { logRepeats, type Log } from '@posthorn/process';
import { warningName } from '@posthorn/shared';
import type { Response } from 'express';

export type Warn = (response: Response, warnings: readonly string[]) => void;

/**
 * Warns the caller in a header, and the operator at most once a second, about input that was accepted but is probably a
 * mistake. The texts must be ASCII.
 */
export function createWarn(log: Log): Warn {
  const warn = logRepeats(log, 'warn', 'request.doubtful');
  return (response, warnings) => {
    if (warnings.length === 0) return;
    response.setHeader(warningName, warnings.join(' '));
    warn('A request was accepted that may not mean what its sender wants.', { warnings });
  };
}
