import { closeSync, openSync, readSync, writeSync } from 'node:fs';

/** What a publisher knows about one publish once its response is read, or will not come. */
export interface PublishLine {
  kind: 'publish';
  /** Names the publish in the body and in a header of every delivery. */
  key: string;
  sort: string;
  sentAt: number;
  answeredAt: number;
  /** `acked`: 2xx. `refused`: 4xx, nothing may exist. `unknown`: 5xx, a timeout or a reset, it may exist. */
  outcome: 'acked' | 'refused' | 'unknown';
  /** 0 without a response. */
  status: number;
  /** Message ids: several for a URL group. */
  ids: string[];
  bodyHash: string;
  /** Earlier than that it must not arrive. */
  notBefore: number;
  /** What must become of it. */
  ends: 'delivered' | 'dead';
  /** Of parallelism 1, and the publisher waits for each response: their order is that of the queue. */
  queue?: string;
  /** A callback must arrive, too. */
  callback?: 'callback' | 'failure-callback';
}

/** A request that a destination received in full, written before it is answered. */
export interface ReceiptLine {
  kind: 'receipt';
  /** Number of the request, in their order of arrival. */
  n: number;
  at: number;
  id: string;
  key: string;
  retried: number;
  bodyHash: string;
  isSigned: boolean;
  /** The message that a callback is about. */
  sourceId?: string;
  /** What it is going to answer; 0 for nothing. */
  status: number;
}

/** The response to request `n` was written in full. */
export interface AnswerLine {
  kind: 'answer';
  n: number;
  at: number;
}

/** More requests at once than a flow-control key allows. */
export interface ExcessLine {
  kind: 'excess';
  flowKey: string;
  at: number;
  running: number;
}

export type ReceiverLine = ReceiptLine | AnswerLine | ExcessLine;

/** Appends lines to a file. What is written is with the operating system when the call returns. */
export function openLedger(file: string): { write(line: PublishLine | ReceiverLine): void; close(): void } {
  const fd = openSync(file, 'a');
  return {
    write: (line) => void writeSync(fd, `${JSON.stringify(line)}\n`),
    close: () => closeSync(fd),
  };
}

/** Reads the lines of a file that have been added since the last call. */
export function followLedger<T>(file: string): { read(): T[]; close(): void } {
  const fd = openSync(file, 'a+');
  const chunk = Buffer.alloc(1 << 20);
  let offset = 0;
  let rest = Buffer.alloc(0);
  return {
    read() {
      const lines: T[] = [];
      for (;;) {
        const length = readSync(fd, chunk, 0, chunk.length, offset);
        if (length === 0) return lines;
        offset += length;
        rest = Buffer.concat([rest, chunk.subarray(0, length)]);
        const end = rest.lastIndexOf('\n');
        if (end < 0) continue;
        for (const line of rest.subarray(0, end).toString().split('\n')) lines.push(JSON.parse(line) as T);
        rest = rest.subarray(end + 1);
      }
    },
    close: () => closeSync(fd),
  };
}
