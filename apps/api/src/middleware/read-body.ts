import type { IncomingMessage } from 'node:http';
import { PosthornError } from '@posthorn/shared';

/**
 * The body of a request, as bytes and whatever its type. Express' own readers cost more than the rest of a request.
 *
 * @throws {PosthornError} `body_too_large`; `invalid_request` when the sender left before the end
 */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const tooLarge = () => new PosthornError('body_too_large', `The body is too large; use at most ${maxBytes} bytes.`);
    if (Number(request.headers['content-length'] ?? 0) > maxBytes) {
      reject(tooLarge());
      return;
    }
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    let isOver = false;
    request.on('data', (chunk: Buffer) => {
      sizeBytes += chunk.length;
      if (isOver) return;
      if (sizeBytes > maxBytes) {
        isOver = true;
        chunks.length = 0;
        request.pause();
        reject(tooLarge());
        return;
      }
      chunks.push(chunk);
    });
    request.on('end', () => {
      const [only] = chunks;
      resolve(chunks.length === 1 && only ? only : Buffer.concat(chunks));
    });
    request.on('error', reject);
    request.on('close', () => {
      if (!request.complete)
        reject(new PosthornError('invalid_request', 'The body ended before its announced length.'));
    });
  });
}
