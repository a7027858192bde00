import { startDeadline } from './deadline.ts';

const never = new Promise<never>(() => undefined);
const after = (ms: number) => new Promise<string>((resolve) => setTimeout(() => resolve('done'), ms));

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test('work that ends in time gives its result', async () => {
  const limited = startDeadline().limit(after(1400));
  await jest.advanceTimersByTimeAsync(1400);
  await expect(limited).resolves.toBe('done');
});

test('an error of the work stays what it is', async () => {
  await expect(startDeadline().limit(Promise.reject(new Error('OOM')))).rejects.toThrow('OOM');
});

test('work that does not end is given up', async () => {
  const limited = expect(startDeadline().limit(never)).rejects.toMatchObject({ code: 'unavailable' });
  await jest.advanceTimersByTimeAsync(1500);
  await limited;
});

test('the time of several parts adds up, and what lies between them does not count', async () => {
  const deadline = startDeadline();
  const first = deadline.limit(after(1000));
  await jest.advanceTimersByTimeAsync(1000);
  await first;
  await jest.advanceTimersByTimeAsync(5000);
  const second = deadline.limit(after(1000)).catch((error: unknown) => error);
  await jest.advanceTimersByTimeAsync(1000);
  expect(await second).toMatchObject({ code: 'unavailable' });
});

test('a part that follows at once has only what is left', async () => {
  const deadline = startDeadline();
  const both = deadline.limit(after(1000)).then(() => deadline.limit(after(1000)));
  const failure = both.catch((error: unknown) => error);
  await jest.advanceTimersByTimeAsync(2000);
  expect(await failure).toMatchObject({ code: 'unavailable' });
});

test('after a restart the whole time is there again', async () => {
  const deadline = startDeadline();
  const first = deadline.limit(after(1000));
  await jest.advanceTimersByTimeAsync(1000);
  await first;
  deadline.restart();
  const second = deadline.limit(after(1000));
  await jest.advanceTimersByTimeAsync(1000);
  await expect(second).resolves.toBe('done');
});
