import { everySecond } from './every-second.ts';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test('tasks are called in the same turn, each in its own measure, until they are stopped', () => {
  const calls: string[] = [];
  const first = everySecond(() => calls.push('first'));
  jest.advanceTimersByTime(300);
  const second = everySecond(() => calls.push('second'), 2);
  jest.advanceTimersByTime(700);
  expect(calls).toEqual(['first']);
  jest.advanceTimersByTime(1000);
  expect(calls).toEqual(['first', 'first', 'second']);
  first.stop();
  jest.advanceTimersByTime(2000);
  expect(calls).toEqual(['first', 'first', 'second', 'second']);
  second.stop();
  expect(jest.getTimerCount()).toBe(0);
});
