import { packedIdBytes, packMessageId, unpackMessageId, type Message, type MessageFilter } from '@posthorn/shared';
import { createFieldTests, digestBytes, fieldBytes, hashField, writeDigest, type FieldTest } from '../log/digest.ts';

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
  /** Columns of labels, as many as a row of it has labels; `undefined` if one column has all labels of a row, as earlier. */
  labelColumns: number | undefined;
}

interface Part {
  offset: number;
  bytes: number;
}

const labelPart: Part = { offset: fieldBytes, bytes: digestBytes - fieldBytes };
const idPart: Part = { offset: digestBytes, bytes: packedIdBytes };
const splitToHashes = ({ offset, bytes }: Part) =>
  Array.from({ length: bytes / 2 }, (_, index): Part => ({ offset: offset + index * 2, bytes: 2 }));
const fieldParts = splitToHashes({ offset: 0, bytes: fieldBytes });
const labelParts = splitToHashes(labelPart);

const maxLabels = labelParts.length;
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

/** What a filter asks of a row: a message that matches passes, and few others do. */
export interface RowTest {
  fields: FieldTest[];
  /** Hashes of labels, of which a row must have one. */
  labels: number[] | undefined;
}

/** @returns `undefined` for a filter that asks nothing of a row */
export function createRowTest(filter: MessageFilter): RowTest | undefined {
  const fields = createFieldTests(filter);
  const labels = filter.label?.map(hashField);
  return fields.length > 0 || labels ? { fields, labels } : undefined;
}

export function passesRow({ fields, labels }: RowTest, rows: Buffer, at: number): boolean {
  const hasFields = fields.every(({ offset, hashes }) => hashes.includes(readHash(rows, at + offset)));
  if (!hasFields || !labels) return hasFields;
  const found = labelParts.map(({ offset }) => readHash(rows, at + offset));
  return found.some((hash) => labels.includes(hash)) || (found[0] === none && found[1] === anyLabel);
}

/** Columns that a test compares: of each of its fields, and of the labels. */
export interface ComparedColumns {
  fields: readonly Buffer[];
  labels: readonly Buffer[];
}

/** Numbers of the rows that pass, some of them perhaps twice. */
export function findRows({ fields, labels }: RowTest, columns: ComparedColumns): number[] {
  const [column = empty] = columns.fields;
  const found = labels ? findLabels(columns.labels, labels) : findHashes(column, fields[0]?.hashes ?? []);
  return found.filter((row) =>
    fields.every(({ hashes }, index) => hashes.includes(readHash(columns.fields[index] ?? empty, row * 2))),
  );
}

function findLabels(columns: readonly Buffer[], labels: readonly number[]): number[] {
  const [first = empty, second = empty] = columns;
  const withAny = findHashes(second, [anyLabel]).filter((row) => readHash(first, row * 2) === none);
  return [...columns.flatMap((column) => findHashes(column, labels)), ...withAny];
}

/** A search spends most of its time here. */
function findHashes(column: Buffer, wanted: readonly number[]): number[] {
  const rows: number[] = [];
  for (const hash of wanted) {
    const low = hash & 0xff;
    const high = hash >> 8;
    for (let at = 0; at < column.length; at += 2) {
      if (column[at] === low && column[at + 1] === high) rows.push(at / 2);
    }
  }
  return rows;
}

const empty = Buffer.alloc(0);
/** The hash of what is missing. */
const none = 0;

function readHash(bytes: Buffer, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
}

/** Where the columns are that a test compares, in the order of its fields, and those of the labels. */
export function locateCompared({ rows, labelColumns = 0 }: Segment, { fields, labels }: RowTest) {
  const locate = ({ offset }: Pick<Part, 'offset'>) => ({ from: rows * offset, to: rows * (offset + 2) });
  return { fields: fields.map(locate), labels: labels ? labelParts.slice(0, labelColumns).map(locate) : [] };
}

/** Where the ids of a segment begin that is sorted by columns. */
export function locateIds({ rows, labelColumns = 0 }: Segment): number {
  return rows * (fieldBytes + labelColumns * 2);
}

/**
 * Sorts rows by columns: each field of all rows, one after the other, then the first label of all rows, and so on, then
 * the ids. So a search reads what it compares, and labels that no row has take no room.
 */
export function toColumns(rows: Buffer): { columns: Buffer; labelColumns: number } {
  const isUsed = ({ offset }: Part) => {
    for (let at = offset; at < rows.length; at += rowBytes) if (readHash(rows, at) !== none) return true;
    return false;
  };
  const labelColumns = labelParts.findLastIndex(isUsed) + 1;
  const parts = listParts(labelColumns);
  const columns = Buffer.allocUnsafe((rows.length / rowBytes) * countBytes(parts));
  forEachByte(parts, rows.length / rowBytes, (inRows, inColumns) => (columns[inColumns] = rows[inRows] ?? 0));
  return { columns, labelColumns };
}

/** The rows of a segment that is sorted by columns. */
export function toRows(columns: Buffer, labelColumns: number | undefined): Buffer {
  const parts = listParts(labelColumns);
  const count = Math.floor(columns.length / countBytes(parts));
  const rows = Buffer.alloc(count * rowBytes);
  forEachByte(parts, count, (inRows, inColumns) => (rows[inRows] = columns[inColumns] ?? 0));
  return rows;
}

function listParts(labelColumns: number | undefined): Part[] {
  return [...fieldParts, ...(labelColumns === undefined ? [labelPart] : labelParts.slice(0, labelColumns)), idPart];
}

function countBytes(parts: readonly Part[]): number {
  return parts.reduce((sum, { bytes }) => sum + bytes, 0);
}

function forEachByte(parts: readonly Part[], rows: number, move: (inRows: number, inColumns: number) => void): void {
  let inColumns = 0;
  for (const { offset, bytes } of parts) {
    for (let row = 0; row < rows; row++) {
      for (let byte = 0; byte < bytes; byte++) move(row * rowBytes + offset + byte, inColumns++);
    }
  }
}
