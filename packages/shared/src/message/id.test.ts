import { newMessageId, packedIdBytes, packMessageId, parseCreatedAt, unpackMessageId } from './id.ts';

test('a packed message id comes back as it was', () => {
  const bytes = new Uint8Array(packedIdBytes + 2).fill(0xff);
  for (let n = 0; n < 1000; n++) {
    const id = newMessageId(n % 256, Date.now() * (n % 3));
    packMessageId(id, bytes, 1);
    expect(unpackMessageId(bytes, 1)).toBe(id);
  }
  expect([bytes[0], bytes.at(-1)]).toEqual([0xff, 0xff]);
});

test('a message id tells when it was created', () => {
  expect(parseCreatedAt(newMessageId(3, 1_796_003_544_903))).toBe(1_796_003_544_903);
});
