import type { Delivery } from '@posthorn/broker';
import { createAdmission } from './admit.ts';

/** Nothing is known to be slow. */
const slow = {
  enter: () => 'worker-slot' as const,
  needsSlowSlot: () => false,
  deferMs: () => 1000,
  leave: () => undefined,
};

let count = 0;
const delivery = (url: string) => ({ id: `msg_${count++}`, message: { url }, retried: 0 }) as Delivery;

test('one destination gets four fifths of the slots, and another one still finds some free', async () => {
  let now = 0;
  const { admit } = createAdmission(25, slow, () => now);
  const held = [];
  for (let n = 0; n < 20; n++) held.push(await admit(delivery('https://slow.example/x')));
  expect(held).toEqual(Array<number>(20).fill(0));
  now = 1001;
  expect(await admit(delivery('https://slow.example/y'))).toBeGreaterThanOrEqual(1000);
  expect(await admit(delivery('https://other.example/'))).toBe(0);
});

test('a message of a destination that answers waits for the next free slot and does not step aside', async () => {
  const { admit, leave } = createAdmission(5, slow, () => 0);
  const deliveries = Array.from({ length: 4 }, () => delivery('https://fast.example'));
  for (const each of deliveries) expect(await admit(each)).toBe(0);
  const waiting = admit(delivery('https://fast.example?q'));
  deliveries.slice(0, 1).forEach(leave);
  expect(await waiting).toBe(0);
});

test('a slot that is handed over is given back, also when it was the last one of its destination', async () => {
  const { admit, leave } = createAdmission(1, slow, () => 0);
  for (let round = 0; round < 3; round++) {
    const first = delivery('https://fast.example');
    expect(await admit(first)).toBe(0);
    const second = delivery('https://fast.example');
    const waiting = admit(second);
    leave(first);
    expect(await waiting).toBe(0);
    leave(second);
  }
});

test('a message that is here twice, because its lock was lost, gives back two slots', async () => {
  const { admit, leave } = createAdmission(2, slow, () => 0);
  for (let round = 0; round < 3; round++) {
    const create = () => ({ ...delivery('https://a.example'), id: 'msg_same' });
    const twice = [create(), create()];
    for (const each of twice) expect(await admit(each)).toBe(0);
    twice.forEach(leave);
  }
});

test('scheme, host and port make a destination', async () => {
  const { admit } = createAdmission(1, slow, () => 0);
  expect(await admit(delivery('https://a.example:1/x?y'))).toBe(0);
});

test('an attempt that has moved to a slow slot leaves its worker slot to the next one, which may be of the same destination', async () => {
  const { admit, moved, leave } = createAdmission(5, slow, () => 0);
  const deliveries = Array.from({ length: 4 }, () => delivery('https://slow.example'));
  for (const each of deliveries) expect(await admit(each)).toBe(0);
  const waiting = admit(delivery('https://slow.example'));
  deliveries.slice(0, 1).forEach(moved);
  expect(await waiting).toBe(0);
  // It gives nothing back a second time.
  deliveries.slice(0, 1).forEach(leave);
  for (let other = 0; other < 1; other++) expect(await admit(delivery(`https://other-${other}.example`))).toBe(0);
});

test('moved or not, a destination has no more attempts in flight than there are slots', async () => {
  let now = 0;
  const { admit, moved } = createAdmission(10, slow, () => now);
  let started = 0;
  for (let n = 0; n < 30; n++) {
    now += 1000;
    const each = delivery('https://slow.example');
    if ((await admit(each)) > 0) continue;
    started++;
    moved(each);
  }
  expect(started).toBe(10);
  expect(await admit(delivery('https://other.example'))).toBe(0);
});

test('a message that may start in a slow slot only takes no worker slot, or is deferred', async () => {
  let where: 'slow-slot' | 'later' = 'slow-slot';
  const { admit } = createAdmission(1, { ...slow, enter: () => where }, () => 0);
  let freed = 0;
  const free = { freeSlot: () => (freed += 1) };
  expect(await admit({ ...delivery('https://slow.example'), ...free })).toBe(0);
  expect(freed).toBe(1);
  where = 'later';
  expect(await admit({ ...delivery('https://other.example'), ...free })).toBe(1000);
  expect(freed).toBe(1);
});

test('a message that needs a slow slot does not wait for a worker slot', async () => {
  const needs = { ...slow, needsSlowSlot: ({ message }: Delivery) => message.url.endsWith('/large') };
  const { admit } = createAdmission(1, needs, () => 0);
  expect(await admit(delivery('https://busy.example/small'))).toBe(0);
  expect(await admit(delivery('https://busy.example/large'))).toBeGreaterThan(0);
});

test('what a destination cannot take comes back at the pace of its slots, however much it is', async () => {
  let now = 0;
  const { admit } = createAdmission(10, slow, () => now);
  for (let n = 0; n < 8; n++) await admit(delivery('https://slow.example'));
  now = 10_000;
  const waits = [];
  for (let n = 0; n < 1000; n++) waits.push(await admit(delivery('https://slow.example')));
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(1000);
  for (let second = 2; second < 100; second++) {
    expect(waits.filter((ms) => Math.floor(ms / 1000) === second).length).toBeLessThanOrEqual(11);
  }
  expect(await admit(delivery('https://other.example'))).toBe(0);
});
