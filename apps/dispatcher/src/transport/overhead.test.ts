import { EventEmitter } from 'node:events';
import { createOverheadWatch } from './overhead.ts';

/** A connection over which so many bytes arrive. */
function connection(rawBytes: number, contentBytes: number) {
  const events = new EventEmitter();
  const secured = Object.assign(events, {
    bytesRead: contentBytes,
    reason: '',
    destroy(error: Error) {
      secured.reason = error.message;
      events.emit('close');
    },
  });
  return { raw: { bytesRead: rawBytes }, secured };
}

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test.each([
  ['certificates and a few sessions', 100_000, 0, false],
  ['a response in records of one byte', 31_000_000, 1_000_000, false],
  ['a large response', 10_100_000, 10_000_000, false],
  ['messages of TLS without an end', 1_100_000, 0, true],
  ['records of one byte with 16 KiB of padding', 1_600_000, 100, true],
])('%s', (_, rawBytes, contentBytes, isEnded) => {
  const { raw, secured } = connection(rawBytes, contentBytes);
  createOverheadWatch().watch(raw, secured as never);
  jest.advanceTimersByTime(1000);
  expect(secured.reason).toBe(isEnded ? 'the destination sends too much beside its response' : '');
});

test('it looks only while there is a connection, and again when there is another one', () => {
  const watch = createOverheadWatch();
  const first = connection(0, 0);
  watch.watch(first.raw, first.secured as never);
  expect(jest.getTimerCount()).toBe(1);
  first.secured.emit('close');
  expect(jest.getTimerCount()).toBe(0);
  const second = connection(2_000_000, 0);
  watch.watch(second.raw, second.secured as never);
  jest.advanceTimersByTime(1000);
  expect(second.secured.reason).not.toBe('');
  expect(jest.getTimerCount()).toBe(0);
});
