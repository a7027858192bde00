import { runLong } from '../workflows/long-run.ts';

test('the memory of what delivers a run does not grow with its log', async () => {
  expect(await runLong(100, () => undefined)).toEqual([]);
});
