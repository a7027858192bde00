import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';
import type { decodedCodings } from '@posthorn/shared';
import { createByteBuffer } from './byte-buffer.ts';

type CreateDecoder = (firstByte: number) => Transform;

/** A map, as a destination chooses the name: every object has a `constructor`. */
const decoders = new Map<string, CreateDecoder>(
  Object.entries({
    gzip: () => createGunzip(),
    'x-gzip': () => createGunzip(),
    // Servers disagree on whether the format has the header of zlib; its first byte ends in 8 (RFC 1950).
    deflate: (firstByte) => ((firstByte & 0x0f) === 8 ? createInflate() : createInflateRaw()),
    br: () => createBrotliDecompress(),
  } satisfies Record<(typeof decodedCodings)[number], CreateDecoder>),
);

const nothing = Buffer.alloc(0);

/** A body that is being decompressed. */
export interface Decoding {
  /** `isCut` when there was more; `undefined` when not one byte can be decoded. */
  decoded: Promise<{ body: Buffer; isCut: boolean } | undefined>;
  /** About as many bytes as are in memory: those that are not decoded yet, and what has become of the others. */
  heldBytes(): number;
  /** Ends it early; `decoded` resolves to what there is. */
  stop(): void;
}

/**
 * Decompresses the body of a response, up to `maxBytes`: a few bytes can stand for gigabytes.
 *
 * @param blocks the body as it came; emptied block by block, so that it and the result need no more than `maxBytes` each.
 *   It is still there when not one byte could be decoded.
 * @param encoding value of `Content-Encoding`
 * @returns `undefined` for an encoding that is not known, or more than one
 */
export function decodeBody(blocks: Buffer[], encoding: string, maxBytes: number): Decoding | undefined {
  const decoder = decoders.get(encoding.trim().toLowerCase())?.(blocks[0]?.[0] ?? 0);
  if (!decoder) return undefined;
  const decoded = createByteBuffer(maxBytes);
  const result = new Promise<{ body: Buffer; isCut: boolean } | undefined>((resolve) => {
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
  return {
    decoded: result,
    // The decoder remembers up to as much as it has decoded.
    heldBytes: () => 2 * decoded.sizeBytes() + blocks.reduce((sum, block) => sum + block.length, 0),
    stop: () => void decoder.destroy(new Error('The body is not needed any more.')),
  };
}
