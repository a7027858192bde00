import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';

const decoders: Record<string, () => ReturnType<typeof createGunzip>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

/**
 * The text behind a compressed response, at most `maxBytes` of it: a few bytes can stand for gigabytes. What cannot be
 * decoded is kept as it came, and so is what was encoded more than once.
 */
export function decodeBody(body: Buffer, encoding: string, maxBytes: number): Promise<Buffer> {
  const decoder = decoders[encoding.trim().toLowerCase()]?.();
  if (!decoder) return Promise.resolve(body);
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    decoder.on('data', (chunk: Buffer) => {
      sizeBytes += chunk.length;
      chunks.push(chunk);
      if (sizeBytes < maxBytes) return;
      resolve(Buffer.concat(chunks).subarray(0, maxBytes));
      decoder.destroy();
    });
    decoder.on('end', () => {
      resolve(Buffer.concat(chunks));
    });
    decoder.on('error', () => {
      resolve(chunks.length > 0 ? Buffer.concat(chunks) : body);
    });
    decoder.end(body);
  });
}
