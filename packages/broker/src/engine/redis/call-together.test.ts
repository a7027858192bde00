import { callTogether, groupBy, type Task } from './call-together.ts';

interface Named extends Task<string> {
  name: string;
}

/** Does tasks with `call`, and gives what became of each, and which of them each call had. */
async function run(names: string[], call: (names: string[]) => string[]) {
  const calls: string[][] = [];
  const ends: Record<string, unknown> = {};
  const tasks = names.map((name): Named => ({
    name,
    resolve: (result) => (ends[name] = result),
    reject: (error) => (ends[name] = error),
  }));
  await callTogether(tasks, async (some) => {
    const wanted = some.map(({ name }) => name);
    calls.push(wanted);
    return call(wanted);
  });
  return { ends, calls };
}

test('one call gives the results of all', async () => {
  const { ends, calls } = await run(['a', 'b'], (names) => names.map((name) => `did ${name}`));
  expect(ends).toEqual({ a: 'did a', b: 'did b' });
  expect(calls).toEqual([['a', 'b']]);
});

test('an error is about the first task without a result, and the others are done all the same', async () => {
  const broken = new Error('WRONGTYPE');
  const { ends, calls } = await run(['a', 'bad', 'c', 'd'], (names) => {
    if (names[0] === 'bad') throw broken;
    return names.slice(0, names.includes('bad') ? names.indexOf('bad') : names.length);
  });
  expect(ends).toEqual({ a: 'a', bad: broken, c: 'c', d: 'd' });
  expect(calls).toEqual([
    ['a', 'bad', 'c', 'd'],
    ['bad', 'c', 'd'],
    ['c', 'd'],
  ]);
});

test('while Redis is unavailable, all fail with one call', async () => {
  const { ends, calls } = await run(['a', 'b'], () => {
    throw new Error('Command timed out');
  });
  expect(ends).toEqual({ a: new Error('Command timed out'), b: new Error('Command timed out') });
  expect(calls).toHaveLength(1);
});

test('groups have equal keys, in the order of what came first', () => {
  expect(groupBy(['b1', 'a1', 'b2'], (text) => text.charAt(0))).toEqual([['b1', 'b2'], ['a1']]);
});
