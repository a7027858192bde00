import type { Broker } from '@posthorn/broker';
import type { Log } from '@posthorn/process';
import { startScheduler } from './fire-schedules.ts';

const log = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  debug: () => undefined,
} as unknown as Log;

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test('looks when something may be due, every five seconds besides, and a second after an error', async () => {
  const fireDue = jest.fn<Promise<number>, []>().mockResolvedValue(Infinity);
  const scheduler = startScheduler({ upkeep: { fireDue } } as unknown as Broker, 0, log);
  const countIn = async (ms: number) => {
    fireDue.mockClear();
    await jest.advanceTimersByTimeAsync(ms);
    return fireDue.mock.calls.length;
  };
  expect(fireDue).toHaveBeenCalledTimes(1);
  expect(await countIn(4999)).toBe(0);
  fireDue.mockResolvedValueOnce(2500);
  expect(await countIn(1)).toBe(1);
  expect(await countIn(2499)).toBe(0);
  expect(await countIn(1)).toBe(1);
  fireDue.mockRejectedValueOnce(new Error('Redis is unavailable'));
  expect(await countIn(2500)).toBe(1);
  expect(await countIn(1000)).toBe(1);
  await scheduler.stop();
  expect(jest.getTimerCount()).toBe(0);
});
