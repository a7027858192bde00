import { performance as node } from 'node:perf_hooks';
import { measureEventLoopDelay } from './event-loop-delay.ts';

beforeEach(() => jest.useFakeTimers());
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

test('an event loop is measured ten times a second while it is busy, and once while it is not', () => {
  let utilization = 0;
  jest.spyOn(node, 'eventLoopUtilization').mockImplementation(() => ({ idle: 0, active: 0, utilization }));
  const delays = measureEventLoopDelay();
  const countIn = (seconds: number) => {
    delays.reset();
    jest.advanceTimersByTime(seconds * 1000);
    return delays.count;
  };
  expect(countIn(5)).toBe(5);
  utilization = 0.5;
  jest.advanceTimersByTime(1000);
  expect(countIn(5)).toBe(55);
  utilization = 0;
  jest.advanceTimersByTime(1000);
  expect(countIn(5)).toBe(5);
});
