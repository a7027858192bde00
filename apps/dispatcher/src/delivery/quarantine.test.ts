import type { Job } from '@posthorn/broker';
import { createAdmission } from './admit.ts';
import { createQuarantine } from './quarantine.ts';

const job = (id: string, crashes: number) => ({ id, crashes, message: { url: `https://${id}.example` } }) as Job;
const slow = { enter: () => 'slot' as const, deferMs: () => 1000, leave: () => undefined };
const admission = () => createAdmission(10, slow, () => 0);

test('a message is poisoned after so many crashes, and not before', () => {
  const { isPoisoned } = createQuarantine(5);
  expect([0, 4, 5, 6].map((crashes) => isPoisoned(job('m', crashes)))).toEqual([false, false, true, true]);
});

test('one suspect is delivered at a time, whichever worker has it; others go on', async () => {
  const quarantine = createQuarantine(5);
  const one = quarantine.around(admission());
  const other = quarantine.around(admission());
  const suspect = job('a', 3);
  expect(await one.admit(suspect)).toBe(0);
  expect(await other.admit(job('b', 4))).toBeGreaterThanOrEqual(1000);
  expect(await other.admit(job('c', 2))).toBe(0);
  one.leave(suspect);
  expect(await other.admit(job('b', 4))).toBe(0);
});

test('a suspect that steps aside gives back the place it had among the others', async () => {
  const quarantine = createQuarantine(5);
  const narrow = quarantine.around(createAdmission(2, slow, () => 0));
  expect(await narrow.admit(job('a', 3))).toBe(0);
  expect(await narrow.admit(job('b', 3))).toBeGreaterThanOrEqual(1000);
  expect(await narrow.admit(job('c', 0))).toBe(0);
});

test('even with the least limit only messages that have met a crash are suspect', async () => {
  const { around } = createQuarantine(1);
  const { admit } = around(admission());
  expect(await admit(job('a', 0))).toBe(0);
  expect(await admit(job('b', 0))).toBe(0);
});
