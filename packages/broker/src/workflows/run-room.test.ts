import { beginTogether } from './run-room.ts';
import type { RunParts } from './run-parts.ts';

const parts = {} as RunParts;
const begun = (n: number) => ({ runId: `wfr_${n}`, createdAt: 1, isKnown: false });

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test('each of many runs has the time of one to begin', async () => {
  const items = [1, 2, 3, 4];
  const done: number[] = [];
  const together = beginTogether(parts, items, async (n) => {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    done.push(n);
    return begun(n);
  });
  await jest.advanceTimersByTimeAsync(4000);
  await together;
  expect(done).toEqual(items);
});

test('no further run begins after one for which Redis is late', async () => {
  const asked: number[] = [];
  const together = beginTogether(parts, [1, 2, 3], (n) => {
    asked.push(n);
    return n === 2 ? new Promise(() => undefined) : Promise.resolve(begun(n));
  });
  const refused = expect(together).rejects.toMatchObject({ code: 'unavailable' });
  await jest.advanceTimersByTimeAsync(1500);
  await refused;
  expect(asked).toEqual([1, 2]);
});
