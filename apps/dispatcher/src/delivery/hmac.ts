import { hash } from 'node:crypto';

/** SHA-256 takes blocks of this size, and gives this many bytes. */
const blockBytes = 64;
const digestBytes = 32;

/**
 * Creates a function that gives the HMAC-SHA256 (RFC 2104) of an ASCII text under a key, in base64url without padding.
 * `createHmac` makes an object outside the heap for each text: making it and collecting it takes longer than both hashes.
 */
export function createHmacSha256(key: string): (text: string) => string {
  const bytes = Buffer.from(key, 'utf8');
  const block = Buffer.alloc(blockBytes);
  block.set(bytes.length > blockBytes ? hash('sha256', bytes, 'buffer') : bytes);
  const innerPad = block.map((byte) => byte ^ 0x36);
  const outer = Buffer.alloc(blockBytes + digestBytes);
  outer.set(block.map((byte) => byte ^ 0x5c));

  return (text) => {
    const inner = Buffer.allocUnsafe(blockBytes + text.length);
    inner.set(innerPad);
    inner.write(text, blockBytes, 'latin1');
    outer.write(hash('sha256', inner, 'binary'), blockBytes, 'binary');
    return hash('sha256', outer, 'base64url');
  };
}
