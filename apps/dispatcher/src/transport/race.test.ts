import { Socket } from 'node:net';
import { createFurtherSockets, race } from './race.ts';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

const timeoutMs = 10_000;
const addresses = [1, 2, 3, 4, 5, 6, 7, 8];

/** Races to hosts whose addresses do not answer. */
function start(hosts: number, further = createFurtherSockets(3)) {
  const opened: Socket[] = [];
  const controllers = Array.from({ length: hosts }, () => new AbortController());
  const errors = controllers.map(({ signal }) => {
    const open = () => {
      const socket = new Socket();
      opened.push(socket);
      return socket;
    };
    const timedOut = () => new Error('not in time');
    return race({ addresses, open, timeoutMs, timedOut, signal, further }).catch(
      (error: unknown) => (error as Error).message,
    );
  });
  return { errors, controllers, opened, open: () => opened.filter(({ destroyed }) => !destroyed).length };
}

test('many hosts that do not answer have one socket each, and few more together', () => {
  const { open } = start(100);
  for (let ms = 0; ms < timeoutMs; ms += 250) {
    jest.advanceTimersByTime(249);
    expect(open()).toBeLessThanOrEqual(103);
    jest.advanceTimersByTime(1);
  }
  expect(open()).toBe(103);
});

test('without room an address is tried when the one before has failed, and each of them is', async () => {
  const { errors, opened, open } = start(1, createFurtherSockets(0));
  for (let address = 1; address <= addresses.length; address++) {
    expect(opened).toHaveLength(address);
    expect(open()).toBe(1);
    jest.advanceTimersByTime(timeoutMs);
  }
  expect(await errors[0]).toBe('not in time');
  expect(open()).toBe(0);
});

test('the room of a race that is over is there for others', async () => {
  const further = createFurtherSockets(3);
  const first = start(1, further);
  jest.advanceTimersByTime(1000);
  expect(first.open()).toBe(4);
  const second = start(1, further);
  jest.advanceTimersByTime(1000);
  expect(second.open()).toBe(1);
  first.controllers[0]?.abort(new Error('aborted'));
  expect(await first.errors[0]).toBe('aborted');
  jest.advanceTimersByTime(1000);
  expect(second.open()).toBe(4);
  second.opened[1]?.emit('connect');
  expect(await second.errors[0]).toBe(second.opened[1]);
  const third = start(1, further);
  jest.advanceTimersByTime(1000);
  expect(third.open()).toBe(4);
});
