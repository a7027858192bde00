import type { Log } from './log.ts';
import { logRepeats } from './repeats.ts';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test('what repeats is one line when it starts, and one with its number when it has ended', () => {
  const warn = jest.fn();
  const tell = logRepeats({ warn } as unknown as Log, 'warn', 'redis.failed');
  for (let second = 0; second < 60; second++) {
    for (let n = 0; n < 100; n++) tell('OOM');
    jest.advanceTimersByTime(1000);
  }
  tell('READONLY', { shard: 1 });
  expect(warn.mock.calls).toEqual([
    [{ reason: 'OOM' }, 'redis.failed'],
    [{ reason: 'READONLY', shard: 1 }, 'redis.failed'],
  ]);
  jest.advanceTimersByTime(60_000);
  // What happened once needs no end.
  expect(warn.mock.calls.slice(2)).toEqual([
    [{ reason: 'OOM', count: 6000, durationMs: 59_000 }, 'redis.failed.ended'],
  ]);
  tell('OOM');
  expect(warn).toHaveBeenCalledTimes(4);
});

test('reasons that differ in many ways are logged as one', () => {
  const warn = jest.fn();
  const tell = logRepeats({ warn } as unknown as Log, 'warn', 'redis.failed');
  for (let n = 0; n < 1000; n++) tell(`connection ${n}`);
  expect(warn).toHaveBeenCalledTimes(21);
  expect(warn).toHaveBeenLastCalledWith({ reason: 'other reasons' }, 'redis.failed');
  jest.advanceTimersByTime(60_000);
  expect(warn).toHaveBeenCalledTimes(22);
  expect(warn).toHaveBeenLastCalledWith({ reason: 'other reasons', count: 980, durationMs: 0 }, 'redis.failed.ended');
});
