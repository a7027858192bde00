import { waitForTurn } from './turns.ts';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

/** The times at which so many requests get their turn. */
function ask(count: number, isBackground: boolean): number[] {
  const times: number[] = [];
  for (let n = 0; n < count; n++) void waitForTurn(isBackground).then(() => times.push(performance.now()));
  return times;
}

test('reads in the background leave two requests a second to the reader, who goes first', async () => {
  await jest.advanceTimersByTimeAsync(2000);
  const startedAt = performance.now();
  const background = ask(20, true);
  await jest.advanceTimersByTimeAsync(100);
  expect(background).toHaveLength(3);
  const reader = ask(6, false);
  await jest.advanceTimersByTimeAsync(0);
  expect(reader).toHaveLength(2);
  await jest.advanceTimersByTimeAsync(1100);
  expect(reader).toHaveLength(6);
  await jest.advanceTimersByTimeAsync(20_000);
  expect(background).toHaveLength(20);
  const all = [...background, ...reader].map((time) => time - startedAt).sort((a, b) => a - b);
  const inSecond = (times: number[], from: number) => times.filter((time) => time >= from && time < from + 1000).length;
  for (const from of all) {
    expect(inSecond(all, from)).toBeLessThanOrEqual(5);
    expect(
      inSecond(
        background.map((time) => time - startedAt),
        from,
      ),
    ).toBeLessThanOrEqual(3);
  }
});
