import { hidePassword, type Message, type MessageFilter } from '@posthorn/shared';
import { hashText } from '../shards/hash.ts';

/**
 * A digest has the fields of a message that filters compare, in few bytes: a hash of 16 bits for each field, and a
 * Bloom filter of the labels. A search reads digests, which need no parsing, and then only the messages that may match.
 */
export const digestBytes = 28;

const fields = ['url', 'host', 'path', 'topicName', 'queueName', 'scheduleId', 'flowControlKey', 'callerIp'] as const;
const labelsAt = fields.length * 2;
const labelBits = (digestBytes - labelsAt) * 8;
const bitsPerLabel = 4;

const none = 0;

export function writeDigest(message: Message, bytes: Buffer, at: number): void {
  bytes.fill(0, at, at + digestBytes);
  const { url, host, path } = hashUrl(message.url);
  const values = [
    url,
    host,
    path,
    hashField(message.topicName),
    hashField(message.queueName),
    hashField(message.scheduleId),
    hashField(message.flowControl?.key),
    hashField(message.callerIp),
  ];
  for (let index = 0; index < values.length; index++) bytes.writeUInt16LE(values[index] ?? none, at + index * 2);
  for (const label of message.labels ?? []) {
    for (const bit of bitsOf(label)) {
      const byte = at + labelsAt + (bit >> 3);
      bytes[byte] = (bytes[byte] ?? 0) | (1 << (bit & 7));
    }
  }
}

/** What a filter asks of one field of a digest: one of these hashes, of two bytes, at this offset. */
export interface FieldTest {
  offset: number;
  hashes: number[];
}

/** Bytes of a digest before its labels: a hash of two bytes for each field. */
export const fieldBytes = labelsAt;

/**
 * Creates a prefilter: it passes every message that `matches` accepts, and few others. Dates are not in a digest.
 *
 * @returns `undefined` for a filter without fields of a digest
 */
export function createDigestTest(filter: MessageFilter): ((bytes: Buffer, at: number) => boolean) | undefined {
  const conditions = createFieldTests(filter);
  const labels = filter.label?.map(bitsOf);
  if (conditions.length === 0 && !labels) return undefined;

  return (bytes, at) => {
    for (const { offset, hashes } of conditions) {
      const hash = (bytes[at + offset] ?? 0) | ((bytes[at + offset + 1] ?? 0) << 8);
      if (!hashes.includes(hash)) return false;
    }
    return labels?.some((bits) => hasBits(bytes, at + labelsAt, bits)) ?? true;
  };
}

/** The same prefilter for the fields alone, one by one: a message passes if it passes all of them. */
export function createFieldTests(filter: MessageFilter): FieldTest[] {
  // The host counts with and without its port, the path in more than one form; the digest has one of each.
  const host = filter.host?.map((wanted) => wanted.replace(/:\d+$/, ''));
  const path = filter.path?.map((wanted) =>
    URL.canParse(`http://h${wanted}`) ? new URL(`http://h${wanted}`).pathname : wanted,
  );
  return fields.flatMap((field, index) => {
    const wanted = field === 'host' ? host : field === 'path' ? path : filter[field];
    return wanted ? [{ offset: index * 2, hashes: wanted.map(hashField) }] : [];
  });
}

function hasBits(bytes: Buffer, at: number, bits: readonly number[]): boolean {
  for (const bit of bits) if (((bytes[at + (bit >> 3)] ?? 0) & (1 << (bit & 7))) === 0) return false;
  return true;
}

function bitsOf(label: string): number[] {
  const hash = hashText(label);
  const step = (Math.imul(hash, 0x9e3779b1) >>> 8) | 1;
  return Array.from({ length: bitsPerLabel }, (_, turn) => (hash + turn * step) % labelBits);
}

/** The hash of a field in a digest. It never has the value that stands for a missing field. */
export function hashField(text: string | undefined): number {
  if (text === undefined) return none;
  const hash = hashText(text);
  return 1 + ((((hash >>> 16) ^ hash) & 0xffff) % 0xffff);
}

/** The hash of the host in a digest. */
export function readHostHash(bytes: Buffer, at: number): number {
  return bytes.readUInt16LE(at + fields.indexOf('host') * 2);
}

interface UrlHashes {
  url: number;
  host: number;
  path: number;
}

/** Parsing a URL takes longer than everything else here, and most messages go to URLs of earlier ones. */
const known = new Map<string, UrlHashes>();
const maxKnown = 1000;

function hashUrl(url: string): UrlHashes {
  let hashes = known.get(url);
  if (!hashes) {
    const { hostname, pathname } = new URL(url);
    hashes = { url: hashField(hidePassword(url)), host: hashField(hostname.toLowerCase()), path: hashField(pathname) };
    if (known.size >= maxKnown) known.clear();
    known.set(url, hashes);
  }
  return hashes;
}
