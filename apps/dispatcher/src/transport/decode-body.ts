import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';
import type { decodedCodings } from '@posthorn/shared';
import { createByteBuffer } from './byte-buffer.ts';

const decoders: Record<string, (firstByte: number) => Transform> = {
  gzip: () => createGunzip(),
  'x-gzip': () => createGunzip(),
  // Servers disagree on whether the format has the header of zlib; its first byte ends in 8 (RFC 1950).
  deflate: (firstByte) => ((firstByte & 0x0f) === 8 ? createInflate() : createInflateRaw()),
  br: () => createBrotliDecompress(),
} satisfies Record<(typeof decodedCodings)[number], (firstByte: number) => Transform>;

const nothing = Buffer.alloc(0);

/**
 * Decompresses the body of a response, up to `maxBytes`: a few bytes can stand for gigabytes.
 *
 * @param blocks the body as it came; emptied block by block, so that it and the result need no more than `maxBytes` each
 * @param encoding value of `Content-Encoding`; a body that was encoded more than once is not decoded
 * @returns `isCut` when there was more; `undefined` when not one byte can be decoded; the body is then still in `blocks`
 */
export function decodeBody(
  blocks: Buffer[],
  encoding: string,
  maxBytes: number,
): Promise<{ body: Buffer; isCut: boolean } | undefined> {
  const decoder = decoders[encoding.trim().toLowerCase()]?.(blocks[0]?.[0] ?? 0);
  if (!decoder) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const decoded = createByteBuffer(maxBytes);
    let isDecoding = false;
    let isCut = false;
    let next = 0;
    const finish = () => {
      decoder.destroy();
      resolve(isDecoding ? { body: decoded.take(), isCut } : undefined);
    };
    const feed = (error?: Error | null) => {
      if (error) return;
      const block = blocks[next];
      if (!block) {
        decoder.end();
        return;
      }
      // Before the first decoded byte the body may still turn out to be something else, and is kept as it came.
      if (isDecoding) blocks.fill(nothing, 0, next);
      next++;
      decoder.write(block, feed);
    };
    decoder.on('data', (chunk: Buffer) => {
      isDecoding = true;
      isCut = decoded.sizeBytes() + chunk.length > maxBytes;
      decoded.append(chunk);
      if (isCut) finish();
    });
    decoder.on('end', () => {
      isDecoding = true;
      finish();
    });
    decoder.on('error', finish);
    feed();
  });
}
