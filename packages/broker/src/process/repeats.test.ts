import type { Log } from './log.ts';
import { logRepeats } from './repeats.ts';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test('the first time is told at once, those of the next second as one line with their number', () => {
  const warn = jest.fn();
  const tell = logRepeats({ warn } as unknown as Log, 'warn', 'redis.failed');
  for (let n = 0; n < 5000; n++) tell('OOM');
  expect(warn.mock.calls).toEqual([[{ reason: 'OOM' }, 'redis.failed']]);
  jest.advanceTimersByTime(1000);
  expect(warn.mock.calls.slice(1)).toEqual([[{ reason: 'OOM', count: 4999 }, 'redis.failed']]);
  tell('OOM');
  tell('READONLY');
  jest.advanceTimersByTime(1000);
  expect(warn.mock.calls.slice(2)).toEqual([
    [{ reason: 'OOM', count: 1 }, 'redis.failed'],
    [{ reason: 'READONLY', count: 1 }, 'redis.failed'],
  ]);
  jest.advanceTimersByTime(2000);
  expect(warn).toHaveBeenCalledTimes(4);
  tell('OOM');
  expect(warn).toHaveBeenCalledTimes(5);
});
