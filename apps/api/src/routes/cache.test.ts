import { createCache } from './cache.ts';

const keepMs = 60_000;

test('calls with the same query share a result, other queries have their own', async () => {
  const read = jest.fn(async ({ host }: { host: string }) => ({ host }));
  const cached = createCache(keepMs, read);
  const [first, again, other] = await Promise.all([
    cached({ host: 'a' }),
    cached({ host: 'a' }),
    cached({ host: 'b' }),
  ]);
  expect(again).toBe(first);
  expect([first, other]).toEqual([{ host: 'a' }, { host: 'b' }]);
  expect(read).toHaveBeenCalledTimes(2);
});

test('a result that is too old, and an error, are not kept', async () => {
  let count = 0;
  const read = createCache(0, async () => ++count);
  expect([await read(undefined), await read(undefined)]).toEqual([1, 2]);
  const fail = createCache(keepMs, async () => {
    count++;
    throw new Error('no');
  });
  await expect(fail(undefined)).rejects.toThrow('no');
  await expect(fail(undefined)).rejects.toThrow('no');
  expect(count).toBe(4);
});

test('of very many queries the oldest is dropped', async () => {
  const read = jest.fn(async (query: number) => query);
  const cached = createCache(keepMs, read);
  for (let query = 0; query <= 50; query++) await cached(query);
  await cached(50);
  expect(read).toHaveBeenCalledTimes(51);
  await cached(0);
  expect(read).toHaveBeenCalledTimes(52);
});
