import { BodyTooLargeError, readPieces, type Pieces } from './read-body.ts';

/** A stream that reuses the memory of its pieces, as one may. */
function createPieces(sizes: readonly number[]): Pieces {
  const memory = new Uint8Array(Math.max(0, ...sizes));
  let at = 0;
  return {
    next() {
      const size = sizes[at];
      if (size === undefined) return Promise.resolve({ done: true });
      memory.fill(at++ % 256);
      return Promise.resolve({ value: memory.subarray(0, size) });
    },
    cancel: () => undefined,
  };
}
const expected = (sizes: readonly number[]) =>
  Uint8Array.from(sizes.flatMap((size, index) => Array.from({ length: size }, () => index % 256)));

test.each<[string, number[]]>([
  ['none', []],
  ['one', [1000]],
  ['empty ones', [0, 3, 0]],
  ['single bytes', Array.from({ length: 1000 }, () => 1)],
  ['pieces of many sizes', [1, 500, 2, 0, 300, 7]],
])('keeps the bytes, and not the pieces: %s', async (_, sizes) => {
  const body = await readPieces(createPieces(sizes), 1000);
  expect(body).toEqual(expected(sizes));
  // Who hands the memory on must not hand on more than the body.
  expect(body.buffer.byteLength).toBe(body.length);
});

test('text counts in bytes', async () => {
  const values = ['ä', 'ä'];
  const pieces: Pieces = {
    next: () => Promise.resolve(values.length > 0 ? { value: values.pop() } : { done: true }),
    cancel: () => undefined,
  };
  expect(Buffer.from(await readPieces(pieces, 4)).toString()).toBe('ää');
});

test('a body above the limit is refused', async () => {
  await expect(readPieces(createPieces([999, 1, 1]), 1000)).rejects.toBeInstanceOf(BodyTooLargeError);
});
