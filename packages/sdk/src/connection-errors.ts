import { QstashConnectionError } from './errors.ts';

/** Whether no connection came about. Runtimes say it in their own ways; an unknown error counts as connected. */
export function isUnconnected(error: unknown): boolean {
  // Not `instanceof`: the error may come from another realm.
  if (typeof error !== 'object' || error === null) return false;
  const { code, syscall, message, errors, cause } = error as Partial<
    Record<'code' | 'syscall' | 'message' | 'errors' | 'cause', unknown>
  >;
  // A connection that was open may break with the code of one that never was: a firewall has begun to refuse it.
  if (syscall === 'read' || syscall === 'write') return false;
  return (
    unconnectedCodes.has(code) ||
    /connection refused|dns error/i.test(String(message)) ||
    (Array.isArray(errors) && errors.length > 0 && errors.every(isUnconnected)) ||
    isUnconnected(cause)
  );
}

/** Codes of Node.js, of its `fetch`, and of Bun. */
const unconnectedCodes = new Set<unknown>([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'ConnectionRefused',
  'FailedToOpenSocket',
]);

/** The error of a call that got no response. @param hint what to do if no server listens */
export function createConnectionError(
  { origin }: URL,
  cause: unknown,
  hint: string | undefined,
): QstashConnectionError {
  const { message, cause: inner } = cause as { message?: string; cause?: { message?: string; code?: string } };
  // Some runtimes put the whole address into their message, and with it the destination.
  const reason = (inner?.message || inner?.code || message || String(cause)).replace(/https?:\/\/\S+/g, '(address)');
  return new QstashConnectionError(`No response from ${origin}: ${reason}${hint ? `. ${hint}` : ''}`, undefined, {
    cause,
  });
}
