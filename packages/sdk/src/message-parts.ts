/** What messages, their logs and schedules say about flow control and labels. */
export interface Limits {
  flowControlKey?: string;
  /** Maximum number of attempts in flight. */
  parallelism?: number;
  /** Maximum number of attempts that start per period. */
  rate?: number;
  /** @deprecated the same as `rate` */
  ratePerSecond?: number;
  /** Length of the window of `rate`, in seconds. */
  period?: number;
  /** @deprecated the first of `labels` */
  label?: string;
  /** In the order in which they were given. */
  labels?: string[];
}

/**
 * What kind of fault made an attempt fail: `http` is a response other than 2xx, the others say why there was none.
 */
export type ErrorKind = 'dns' | 'connect' | 'tls' | 'timeout' | 'http' | 'protocol';

/** What can have happened to a message. */
export type MessageState =
  | 'CREATED'
  | 'ACTIVE'
  | 'ERROR'
  | 'RETRY'
  | 'DELIVERED'
  | 'FAILED'
  | 'CANCEL_REQUESTED'
  | 'CANCELED';
