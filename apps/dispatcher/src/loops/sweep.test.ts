import type { Broker } from '@posthorn/broker';
import type { Log } from '@posthorn/process';
import { startSweeper } from './sweep.ts';

const log = { debug: () => undefined } as unknown as Log;

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test('sweeps every second while a lane is in use, every three while there is none, and not by a wrong clock', async () => {
  const sweep = jest.fn<Promise<boolean>, []>();
  let isClockWrong = false;
  const sweeper = startSweeper({ upkeep: { sweep } } as unknown as Broker, () => isClockWrong, log);
  const countIn = async (seconds: number) => {
    sweep.mockClear();
    await jest.advanceTimersByTimeAsync(seconds * 1000);
    return sweep.mock.calls.length;
  };
  sweep.mockResolvedValue(true);
  expect(await countIn(6)).toBe(6);
  sweep.mockResolvedValue(false);
  expect(await countIn(7)).toBe(3);
  sweep.mockRejectedValue(new Error('Redis is unavailable'));
  expect(await countIn(6)).toBe(4);
  isClockWrong = true;
  expect(await countIn(6)).toBe(0);
  sweeper.stop();
  expect(jest.getTimerCount()).toBe(0);
});
