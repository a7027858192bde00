import { startSystem, type TestSystem } from '@posthorn/testkit';
import { findRises } from '../bench/guard/compare.ts';
import { countRedisWork, readCommitted, variables, warm } from '../bench/guard/count.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem(variables);
  await warm(system);
});
afterAll(() => system.stop());

/** When a command is added on purpose, `npm run bench:guard -- --write` commits to the new figures. */
test('a message asks no more of Redis than what is committed', async () => {
  const measured = await countRedisWork(system);
  expect(Object.keys(measured)).toHaveLength(2);
  expect(findRises(readCommitted(), measured)).toEqual([]);
});
