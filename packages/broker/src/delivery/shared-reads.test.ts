import { createSharedReads } from './shared-reads.ts';

test('bytes that are needed many times at once, or are still used, are in memory once', async () => {
  const readShared = createSharedReads();
  let reads = 0;
  const read = async () => {
    reads++;
    return Buffer.alloc(100);
  };
  const [first, ...others] = await Promise.all(Array.from({ length: 50 }, () => readShared('a', read)));
  for (const bytes of [...others, await readShared('a', read)]) expect(bytes).toBe(first);
  expect(reads).toBe(1);
  expect(await readShared('b', read)).not.toBe(first);
});

test('bytes that are not there, or cannot be read, are looked for again', async () => {
  const readShared = createSharedReads();
  await expect(readShared('a', () => Promise.reject(new Error('no Redis')))).rejects.toThrow('no Redis');
  expect(await readShared('a', async () => undefined)).toBeUndefined();
  expect(await readShared('a', async () => Buffer.from('x'))).toEqual(Buffer.from('x'));
});
