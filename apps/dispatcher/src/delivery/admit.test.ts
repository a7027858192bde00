import type { Job } from '@posthorn/broker';
import { createAdmission } from './admit.ts';

let count = 0;
const job = (url: string) => ({ id: `msg_${count++}`, message: { url }, retried: 0 }) as Job;

test('one destination gets four fifths of the slots, and another one still finds some free', async () => {
  let now = 0;
  const { admit } = createAdmission(25, () => now);
  const held = [];
  for (let n = 0; n < 20; n++) held.push(await admit(job('https://slow.example/x')));
  expect(held).toEqual(Array<number>(20).fill(0));
  now = 1001;
  expect(await admit(job('https://slow.example/y'))).toBeGreaterThanOrEqual(1000);
  expect(await admit(job('https://other.example/'))).toBe(0);
});

test('a message of a destination that answers waits for the next free slot and does not step aside', async () => {
  const { admit, leave } = createAdmission(5, () => 0);
  const jobs = Array.from({ length: 4 }, () => job('https://fast.example'));
  for (const each of jobs) expect(await admit(each)).toBe(0);
  const waiting = admit(job('https://fast.example?q'));
  jobs.slice(0, 1).forEach(leave);
  expect(await waiting).toBe(0);
});

test('a slot that is handed over is given back, also when it was the last one of its destination', async () => {
  const { admit, leave } = createAdmission(1, () => 0);
  for (let round = 0; round < 3; round++) {
    const first = job('https://fast.example');
    expect(await admit(first)).toBe(0);
    const second = job('https://fast.example');
    const waiting = admit(second);
    leave(first);
    expect(await waiting).toBe(0);
    leave(second);
  }
});

test('a message that is here twice, because its lock was lost, gives back two slots', async () => {
  const { admit, leave } = createAdmission(2, () => 0);
  for (let round = 0; round < 3; round++) {
    const twice = [job('https://a.example'), job('https://a.example')].map((each) => ({ ...each, id: 'msg_same' }));
    for (const each of twice) expect(await admit(each)).toBe(0);
    twice.forEach(leave);
  }
});

test('scheme, host and port make a destination', async () => {
  const { admit } = createAdmission(1, () => 0);
  expect(await admit(job('https://a.example:1/x?y'))).toBe(0);
});
