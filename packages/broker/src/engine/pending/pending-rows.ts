import { packedIdBytes, packMessageId, unpackMessageId, type Message, type MessageFilter } from '@posthorn/shared';
import { createFieldTests, digestBytes, fieldBytes, hashField, writeDigest, type PartTest } from '../log/digest.ts';

/**
 * A row has the fields of the digest of a message, hashes of its labels, and its id. The log has its labels in a Bloom
 * filter. Here, with many labels among the messages, that would find about one message in a thousand by mistake.
 */
export const rowBytes = digestBytes + packedIdBytes;

/** Rows of this size become a segment at once, and a tidied segment has no more of them. */
export const segmentBytes = 16_384 * rowBytes;

/** A part of the rows of a shard, a string in Redis. */
export interface Segment {
  number: number;
  /** 0 if they are not sorted by columns. */
  rows: number;
}

type Part = Pick<PartTest, 'offset' | 'bytes'>;

const labelPart: Part = { offset: fieldBytes, bytes: digestBytes - fieldBytes };
export const idPart: Part = { offset: digestBytes, bytes: packedIdBytes };
const fieldParts = Array.from({ length: fieldBytes / 2 }, (_, index): Part => ({ offset: index * 2, bytes: 2 }));
const parts = [...fieldParts, labelPart, idPart];

const maxLabels = labelPart.bytes / 2;
/** Follows an empty hash in the row of a message with more labels than a row holds: every search for a label finds it. */
const anyLabel = 0xffff;

export function formatRows(messages: readonly { id: string; message: Message }[]): Buffer {
  const rows = Buffer.allocUnsafe(messages.length * rowBytes);
  for (const [index, { id, message }] of messages.entries()) {
    const at = index * rowBytes;
    try {
      writeDigest(message, rows, at);
    } catch {
      // A message of another version may have a URL that cannot be parsed. The rest of it is found.
      writeDigest({ ...message, url: 'https://unreadable.invalid/' }, rows, at);
    }
    if (message.labels) writeLabels(message.labels, rows, at + labelPart.offset);
    packMessageId(id, rows, at + idPart.offset);
  }
  return rows;
}

function writeLabels(labels: readonly string[], rows: Buffer, at: number): void {
  rows.fill(0, at, at + labelPart.bytes);
  const hashes = labels.length > maxLabels ? [0, anyLabel] : labels.map(hashField);
  for (const [index, hash] of hashes.entries()) rows.writeUInt16LE(hash, at + index * 2);
}

export function readRowId(rows: Buffer, at: number): string {
  return unpackMessageId(rows, at + idPart.offset);
}

/** What a filter asks of parts of a row: a message that matches passes all tests, and few others do. */
export function createRowTests(filter: MessageFilter): PartTest[] {
  const fieldTests = createFieldTests(filter);
  if (!filter.label) return fieldTests;
  const wanted = filter.label.map(hashField);
  const passes = (bytes: Buffer, at: number) => {
    for (let hashAt = at; hashAt < at + labelPart.bytes; hashAt += 2) {
      const hash = readHash(bytes, hashAt);
      if (hash === 0) return hashAt === at && readHash(bytes, hashAt + 2) === anyLabel;
      if (wanted.includes(hash)) return true;
    }
    return false;
  };
  return [...fieldTests, { ...labelPart, passes }];
}

function readHash(bytes: Buffer, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
}

/** Where a part of so many rows is when they are sorted by columns. */
export function locateColumn(rows: number, { offset, bytes }: Part): { from: number; to: number } {
  return { from: rows * offset, to: rows * (offset + bytes) };
}

/** The same bytes sorted by columns: each part of all rows, one after the other. So a search reads what it compares. */
export function toColumns(rows: Buffer): Buffer {
  const columns = Buffer.allocUnsafe(rows.length);
  forEachByte(rows.length, (inRows, inColumns) => (columns[inColumns] = rows[inRows] ?? 0));
  return columns;
}

export function toRows(columns: Buffer): Buffer {
  const rows = Buffer.allocUnsafe(columns.length);
  forEachByte(columns.length, (inRows, inColumns) => (rows[inRows] = columns[inColumns] ?? 0));
  return rows;
}

function forEachByte(length: number, move: (inRows: number, inColumns: number) => void): void {
  const rows = Math.floor(length / rowBytes);
  for (const part of parts) {
    let inColumns = locateColumn(rows, part).from;
    for (let row = 0; row < rows; row++) {
      for (let byte = 0; byte < part.bytes; byte++) move(row * rowBytes + part.offset + byte, inColumns++);
    }
  }
}
