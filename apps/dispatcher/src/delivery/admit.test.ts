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

test('scheme, host and port make a destination', async () => {
  const { admit } = createAdmission(1, () => 0);
  expect(await admit(job('https://a.example:1/x?y'))).toBe(0);
});
