import type { Socket } from 'node:net';
import { createStuckWatch } from './close-stuck.ts';

const maxStuckMs = 60_000;
/** A connection with bytes that its client has taken, and bytes that wait for it. */
const createConnection = () => {
  const state = { taken: 0, waiting: 0, isClosed: false };
  const socket = {
    get bytesWritten() {
      return state.taken + state.waiting;
    },
    get writableLength() {
      return state.waiting;
    },
    destroy: () => (state.isClosed = true),
  } as unknown as Socket;
  return { state, socket };
};

test('a connection is closed when its client takes nothing for the whole time', () => {
  const look = createStuckWatch(maxStuckMs);
  const { state, socket } = createConnection();
  state.waiting = 1000;
  look([socket], 0);
  look([socket], maxStuckMs - 1);
  expect(state.isClosed).toBe(false);
  look([socket], maxStuckMs);
  expect(state.isClosed).toBe(true);
});

test('more bytes that wait do not count as taken', () => {
  const look = createStuckWatch(maxStuckMs);
  const { state, socket } = createConnection();
  for (let at = 0; at <= maxStuckMs; at += 5000) {
    state.waiting += 1000;
    look([socket], at);
  }
  expect(state.isClosed).toBe(true);
});

test('a client that takes something now and then keeps its connection', () => {
  const look = createStuckWatch(maxStuckMs);
  const { state, socket } = createConnection();
  state.waiting = 1000;
  for (let at = 0; at < 10 * maxStuckMs; at += maxStuckMs - 1) {
    state.waiting -= 10;
    state.taken += 10;
    look([socket], at);
  }
  expect(state.isClosed).toBe(false);
});

test('an idle connection stays, and a response after it has all of the time', () => {
  const look = createStuckWatch(maxStuckMs);
  const { state, socket } = createConnection();
  for (const at of [0, maxStuckMs, 10 * maxStuckMs]) look([socket], at);
  state.waiting = 1000;
  look([socket], 11 * maxStuckMs);
  expect(state.isClosed).toBe(false);
});
