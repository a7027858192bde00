import { packedIdBytes, packMessageId, states, unpackMessageId, type Message, type State } from '@posthorn/shared';
import { digestBytes, writeDigest } from './digest.ts';

/** What the list has of one log entry: which entry of which message it is, and what filters ask. Not what it contains. */
export interface EntryRecord {
  messageId: string;
  state: State;
  /** Retries before the attempt that the entry is about; 0 for an entry about the whole message. */
  retried: number;
  time: number;
}

const timeAt = digestBytes + packedIdBytes;
const stateAt = timeAt + 6;
const retriedAt = stateAt + 1;
/** Bytes of a record: digest, message id, time, state, retries. */
export const recordBytes = retriedAt + 2;

export function writeRecord(entry: EntryRecord, message: Message, bytes: Buffer, at: number): void {
  writeDigest(message, bytes, at);
  packMessageId(entry.messageId, bytes, at + digestBytes);
  bytes.writeUIntLE(entry.time, at + timeAt, 6);
  bytes[at + stateAt] = states.indexOf(entry.state);
  bytes.writeUInt16LE(entry.retried, at + retriedAt);
}

export function readRecord(bytes: Buffer, at: number): EntryRecord {
  return {
    messageId: unpackMessageId(bytes, at + digestBytes),
    state: states[readStateIndex(bytes, at)] ?? 'CREATED',
    retried: bytes.readUInt16LE(at + retriedAt),
    time: readTime(bytes, at),
  };
}

export function readTime(bytes: Buffer, at: number): number {
  return bytes.readUIntLE(at + timeAt, 6);
}

/** The index of the state in `states`. */
export function readStateIndex(bytes: Buffer, at: number): number {
  return bytes[at + stateAt] ?? 0;
}
