import { startSystem, type TestSystem } from '@posthorn/testkit';
import { findRises } from '../bench/guard/compare.ts';
import { countLoneMessages, readCommitted, variables, warm } from '../bench/guard/count.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem(variables);
  await warm(system);
});
afterAll(() => system.stop());

/**
 * Of many messages in flight some share a command, more or fewer of them on a busy machine: only `npm run bench:guard`
 * compares those. When a command is added on purpose, its `--write` commits to the new figures.
 */
test('a message asks no more of Redis than what is committed', async () => {
  const measure = async () => {
    const measured = await countLoneMessages(system);
    expect(Object.keys(measured)).toEqual(['one at a time']);
    return findRises(readCommitted(), measured);
  };
  const rises = await measure();
  // What a dispatcher does once in some minutes, such as tidying its indexes, may fall into one measurement. What a message
  // costs is in both.
  expect(rises.length > 0 ? await measure() : []).toEqual([]);
});
