/**
 * What kind of fault made an attempt fail. `http`: there was a response, and its status says so; for all others there
 * was none that can be used: the name was not found (`dns`), no connection was made (`connect`), the encrypted connection
 * could not be set up (`tls`), the time limit passed (`timeout`), or what came back was not a whole HTTP response
 * (`protocol`).
 */
export const errorKinds = ['dns', 'connect', 'tls', 'timeout', 'http', 'protocol'] as const;
export type ErrorKind = (typeof errorKinds)[number];

/** What came back from a destination. */
export interface DestinationResponse {
  /** The status of the response, also of one that cannot be used; 0 when there was none. */
  status: number;
  header: Record<string, string[]>;
  /** At most the configured number of bytes; empty if it is not needed. */
  body: Uint8Array;
  /** How long the attempt took, in milliseconds. */
  durationMs?: number;
  /** The destination sent more than `body` holds. */
  isCut?: true;
  /** Why the attempt failed, whatever the status says; `undefined` for a whole response. */
  error?: string;
  /** Code of the error that prevented a response, such as `ECONNREFUSED`. */
  code?: string;
  /** Set when `error` is. */
  errorKind?: ErrorKind;
}

/** The first value of a header of a response, however its name is written there. */
export function findResponseHeader({ header }: DestinationResponse, lowerName: string): string | undefined {
  for (const name in header) if (name.toLowerCase() === lowerName) return header[name]?.[0];
  return undefined;
}

/** What came back from an attempt that failed, and why it did. */
export interface Failure {
  response: DestinationResponse;
  error: string;
  /** Missing when no request was made. */
  errorKind?: ErrorKind;
}

/**
 * How an attempt ended. `deferred`: no attempt is counted, and no retry is used. The message waits for something, such as
 * a slot in a lane.
 */
export type Outcome =
  | { kind: 'delivered'; response: DestinationResponse }
  | ({ kind: 'retry'; delayMs: number } & Failure)
  | ({ kind: 'failed' } & Failure)
  /** The attempt failed, and the message was canceled in the meantime. */
  | ({ kind: 'canceled' } & Failure)
  | { kind: 'deferred'; delayMs: number; inLane?: boolean };
