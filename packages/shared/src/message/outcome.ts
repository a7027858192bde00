/** What came back from a destination. `status` 0: there was no response, and `error` says why. */
export interface Answer {
  status: number;
  header: Record<string, string[]>;
  /** At most the configured number of bytes; empty when nobody will read it. */
  body: Uint8Array;
  error?: string;
}

/** How an attempt ended. `held` is no attempt: the message waits for something and uses up no retry. */
export type Outcome =
  | { kind: 'delivered'; answer: Answer }
  | { kind: 'retry'; answer: Answer; error: string; delayMs: number }
  | { kind: 'failed'; answer: Answer; error: string }
  | { kind: 'held'; delayMs: number };
