import { createByteBuffer } from './byte-buffer.ts';

const text = (length: number) => Buffer.alloc(length, 'abcdefghijk');

test.each([1, 2, 7, 1023, 1024, 1025, 65_536, 2_500_000])('pieces of %d bytes come back as they were', (pieceBytes) => {
  const whole = text(Math.min(pieceBytes * 5000, 2_500_001));
  const buffer = createByteBuffer(10_000_000);
  for (let start = 0; start < whole.length; start += pieceBytes) {
    buffer.append(whole.subarray(start, start + pieceBytes));
  }
  expect(buffer.take().equals(whole)).toBe(true);
  expect(buffer.take()).toHaveLength(0);
});

test('it keeps no more than its limit, whatever the pieces are', () => {
  const piece = text(9000);
  for (const pieceBytes of [1, 3, 4096]) {
    const buffer = createByteBuffer(5000);
    for (let start = 0; start < 9000; start += pieceBytes) buffer.append(piece, start, start + pieceBytes);
    expect(buffer.isFull()).toBe(true);
    expect(buffer.take().equals(text(5000))).toBe(true);
  }
});

test('a limit of 0 keeps nothing', () => {
  const buffer = createByteBuffer(0);
  buffer.append(text(10));
  expect(buffer.isFull()).toBe(true);
  expect(buffer.take()).toHaveLength(0);
});

test('its memory follows the bytes and not the pieces', () => {
  const buffer = createByteBuffer(1_000_000);
  const piece = text(1);
  const before = process.memoryUsage().heapUsed;
  for (let count = 0; count < 1_000_000; count++) buffer.append(piece);
  expect(buffer.takeBlocks().length).toBeLessThan(20);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(50_000_000);
});
