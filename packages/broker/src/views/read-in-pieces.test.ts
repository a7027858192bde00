import { mergeSorted, readByAge, readInPieces } from './read-in-pieces.ts';

const ids = Array.from({ length: 10 }, (_, n) => `id-${n}`);
/** What is read, and how often and how many of it at a time. */
function createReader(createdAt: (id: string) => number | undefined) {
  const counts = { reads: 0, now: 0, max: 0 };
  const read = async (id: string) => {
    counts.reads += 1;
    counts.max = Math.max(counts.max, ++counts.now);
    await Promise.resolve();
    counts.now -= 1;
    const at = createdAt(id);
    return at === undefined ? undefined : { id, createdAt: at };
  };
  return { counts, read };
}
async function collect<T>(entries: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const entry of entries) all.push(entry);
  return all;
}

test('a few entries are read at a time, and none before it is asked for', async () => {
  const { counts, read } = createReader(() => 0);
  const entries = readInPieces(ids, 3, read);
  expect((await entries.next()).value).toMatchObject({ id: 'id-0' });
  expect(counts).toMatchObject({ reads: 3, max: 3 });
  expect(await collect(entries)).toHaveLength(9);
  expect(counts).toMatchObject({ reads: 10, max: 3 });
});

test('an entry that is gone is left out', async () => {
  const { read } = createReader((id) => (id === 'id-4' ? undefined : 0));
  expect((await collect(readInPieces(ids, 3, read))).map(({ id }) => id)).toEqual(ids.filter((id) => id !== 'id-4'));
});

test.each([3, 100])('entries come by age, then by id, if %i are read at a time', async (atOnce) => {
  const ages: Record<string, number> = { 'id-7': 1, 'id-2': 2, 'id-5': 2 };
  const { counts, read } = createReader((id) => ages[id]);
  expect((await collect(readByAge(ids, atOnce, read))).map(({ id }) => id)).toEqual(['id-7', 'id-2', 'id-5']);
  expect(counts.max).toBeLessThanOrEqual(atOnce);
});

test.each<[string[][], string[]]>([
  [[], []],
  [[[]], []],
  [
    [['a', 'c'], [], ['b', 'c', 'd'], ['a']],
    ['a', 'b', 'c', 'd'],
  ],
  [
    [
      ['B', 'a'],
      ['Z', 'ä'],
    ],
    ['B', 'Z', 'a', 'ä'],
  ],
])('sorted lists %j are one list in order, without repetitions', (lists, expected) => {
  expect([...mergeSorted(lists)]).toEqual(expected);
});
