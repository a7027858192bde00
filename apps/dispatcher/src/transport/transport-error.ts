import type { ErrorKind } from '@posthorn/shared';

/** Why there is no connection: one sentence for the log, without the URL, which may hold secrets. */
export class TransportError extends Error {
  override name = 'TransportError';
  readonly kind: ErrorKind;
  /** Code of the system, such as `ECONNREFUSED`. */
  readonly code: string | undefined;
  constructor(kind: ErrorKind, message: string, code?: string) {
    super(message);
    this.kind = kind;
    this.code = code;
  }
}

/** Turns an error of the system or of TLS into one of ours; one of ours stays as it is. */
export function toTransportError(kind: ErrorKind, error: unknown): TransportError {
  if (error instanceof TransportError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  // OpenSSL adds a pointer, a file and a line of its own.
  const tlsReason = /:error:[^:]*:[^:]*:[^:]*:([^:\n]+)/.exec(message)?.[1];
  return new TransportError(kind, tlsReason ? `TLS: ${tlsReason}` : message || (code ?? 'the connection failed'), code);
}
