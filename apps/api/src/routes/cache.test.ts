import { createCache, shareReads } from './cache.ts';

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

test('calls during a read share it, and its error; those soon after it share what was read', async () => {
  jest.useFakeTimers();
  let count = 0;
  const read = shareReads(100, async ({ host }: { host: string }) => {
    await Promise.resolve();
    count++;
    if (host === 'bad') throw new Error('no');
    return count;
  });
  expect(await Promise.all([read({ host: 'a' }), read({ host: 'a' }), read({ host: 'b' })])).toEqual([1, 1, 2]);
  jest.advanceTimersByTime(99);
  expect(await read({ host: 'a' })).toBe(1);
  jest.advanceTimersByTime(1);
  expect(await read({ host: 'a' })).toBe(3);
  const both = [read({ host: 'bad' }), read({ host: 'bad' })];
  for (const one of both) await expect(one).rejects.toThrow('no');
  expect(count).toBe(4);
  await expect(read({ host: 'bad' })).rejects.toThrow('no');
  expect(count).toBe(5);
  jest.useRealTimers();
});
