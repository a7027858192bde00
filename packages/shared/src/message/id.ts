const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const randomLength = 14;
const poolBytes = 1024;

const pool = new Uint8Array(poolBytes);
let used = poolBytes;

/**
 * A new message id: `msg_`, 10 characters of time, 2 of the shard, 14 at random, in Crockford's base 32.
 * The id carries its shard, so that a look-up by id needs no search; ids of one shard sort by time.
 */
export function newMessageId(shard: number, nowMs: number): string {
  return 'msg_' + formatBase32(nowMs, 10) + formatBase32(shard, 2) + randomText(randomLength);
}

/**
 * The id of a message that another one causes: the same whenever it is made of the same source and hash, in the source's
 * shard. What is done again after a crash so has the id that it had before.
 *
 * @param hash at least 14 bytes that stand for the cause, evenly distributed
 */
export function deriveMessageId(sourceId: string, hash: Uint8Array): string {
  let text = '';
  for (const byte of hash.subarray(0, randomLength)) text += alphabet.charAt(byte & 31);
  return sourceId.slice(0, -randomLength) + text;
}

/** The shard that a message id names, or `undefined` for a text that is no message id of ours. */
export function parseShard(messageId: string): number | undefined {
  const match = /^msg_[0-9A-HJKMNP-TV-Z]{10}([0-9A-HJKMNP-TV-Z]{2})[0-9A-HJKMNP-TV-Z]{14}$/.exec(messageId);
  if (!match?.[1]) return undefined;
  return alphabet.indexOf(match[1].charAt(0)) * 32 + alphabet.indexOf(match[1].charAt(1));
}

/** When the message with this id was created, in milliseconds since 1970. */
export function parseCreatedAt(messageId: string): number {
  let ms = 0;
  for (const character of messageId.slice(4, 14)) ms = ms * 32 + alphabet.indexOf(character);
  return ms;
}

/** Bytes of a message id in its packed form: 26 characters of 5 bits. */
export const packedIdBytes = 17;
const idLength = 26;

/** Writes a message id in its packed form; only one that `parseShard` knows comes back as it was. */
export function packMessageId(id: string, bytes: Uint8Array, at: number): void {
  let bits = 0;
  let count = 0;
  let to = at;
  for (let index = 0; index < idLength; index++) {
    bits = (bits << 5) | (values[id.charCodeAt(4 + index) & 127] ?? 0);
    count += 5;
    if (count >= 8) {
      count -= 8;
      bytes[to++] = bits >> count;
      bits &= 255;
    }
  }
  bytes[to] = bits << (8 - count);
}

export function unpackMessageId(bytes: Uint8Array, at: number): string {
  let text = 'msg_';
  for (let index = 0; index < idLength; index++) {
    const byte = at + ((index * 5) >> 3);
    const pair = ((bytes[byte] ?? 0) << 8) | (bytes[byte + 1] ?? 0);
    text += alphabet.charAt((pair >> (11 - ((index * 5) & 7))) & 31);
  }
  return text;
}

/** The value of each character of the alphabet, by its code. */
const values = new Uint8Array(128);
for (let value = 0; value < alphabet.length; value++) values[alphabet.charCodeAt(value)] = value;

/** `length` characters of base 32 at random: 5 bits each. Random bytes are fetched in bulk, for a call costs more than the bytes. */
export function randomText(length: number): string {
  if (used + length > poolBytes) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  let text = '';
  for (const byte of pool.subarray(used, used + length)) text += alphabet.charAt(byte & 31);
  used += length;
  return text;
}

function formatBase32(value: number, length: number): string {
  let text = '';
  for (let rest = value; text.length < length; rest = Math.floor(rest / 32)) text = alphabet.charAt(rest % 32) + text;
  return text;
}
