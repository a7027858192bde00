import { within } from './within.ts';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test('says whether the work was done in time, and leaves no timer behind', async () => {
  expect(await within(1000, Promise.resolve('done'))).toBe(true);
  expect(jest.getTimerCount()).toBe(0);
});

test('ends when the time is up, whatever the work does later', async () => {
  const result = within(1000, new Promise(() => undefined));
  await jest.advanceTimersByTimeAsync(999);
  expect(jest.getTimerCount()).toBe(1);
  await jest.advanceTimersByTimeAsync(1);
  expect(await result).toBe(false);
});

test('fails with the error of the work, and leaves no timer behind', async () => {
  await expect(within(1000, Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  expect(jest.getTimerCount()).toBe(0);
});
