import type { Delivery } from '@posthorn/broker';
import { createAdmission } from './admit.ts';
import { createQuarantine, type LoneAttempts } from './quarantine.ts';

const delivery = (id: string, crashes: number) =>
  ({ id, crashes, message: { url: `https://${id}.example` } }) as Delivery;
const slow = {
  enter: () => 'worker-slot' as const,
  deferMs: () => 1000,
  leave: () => undefined,
  needsSlowSlot: () => false,
};
const admission = () => createAdmission(10, slow, () => 0);

/** Crashes of lone attempts by message, and the messages that were noted as alone. */
const attempts = (lone: Record<string, number> = {}) => {
  const noted: string[] = [];
  const notes: LoneAttempts = {
    countLoneCrashes: async ({ id }) => Promise.resolve(lone[id] ?? 0),
    noteLoneAttempt: async ({ id }) => Promise.resolve(void noted.push(id)),
  };
  return { ...notes, noted };
};

test('a message is poisoned after so many crashes, of which two met it alone', async () => {
  const { isPoisoned } = createQuarantine(5, attempts({ alone: 2, once: 1 }));
  const deliveries = [
    delivery('alone', 0),
    delivery('alone', 4),
    delivery('alone', 5),
    delivery('alone', 6),
    delivery('beside', 9),
    delivery('once', 5),
  ];
  expect(await Promise.all(deliveries.map(isPoisoned))).toEqual([false, false, true, true, false, false]);
});

test('a low limit asks for as many lone attempts as there can be', async () => {
  expect(await createQuarantine(2, attempts({ a: 1 })).isPoisoned(delivery('a', 2))).toBe(true);
  expect(await createQuarantine(1, attempts()).isPoisoned(delivery('a', 1))).toBe(true);
});

test('one suspect is delivered at a time, whichever worker has it; others go on', async () => {
  const notes = attempts();
  const quarantine = createQuarantine(5, notes);
  const one = quarantine.around(admission());
  const other = quarantine.around(admission());
  const suspect = delivery('a', 3);
  expect(await one.admit(suspect)).toBe(0);
  expect(await other.admit(delivery('b', 4))).toBeGreaterThanOrEqual(1000);
  expect(await other.admit(delivery('c', 2))).toBe(0);
  one.leave(suspect);
  expect(await other.admit(delivery('b', 4))).toBe(0);
  expect(notes.noted).toEqual(['a', 'b']);
});

test('a suspect that steps aside releases its worker slot', async () => {
  const quarantine = createQuarantine(5, attempts());
  const narrow = quarantine.around(createAdmission(2, slow, () => 0));
  expect(await narrow.admit(delivery('a', 3))).toBe(0);
  expect(await narrow.admit(delivery('b', 3))).toBeGreaterThanOrEqual(1000);
  expect(await narrow.admit(delivery('c', 0))).toBe(0);
});

test('a suspect whose note Redis did not take lets the next one start', async () => {
  let isAway = true;
  const notes = {
    ...attempts(),
    noteLoneAttempt: () => (isAway ? Promise.reject(new Error('away')) : Promise.resolve()),
  };
  const { admit } = createQuarantine(5, notes).around(admission());
  await expect(admit(delivery('a', 3))).rejects.toThrow('away');
  isAway = false;
  expect(await admit(delivery('b', 3))).toBe(0);
});

test('even with the least limit only messages that have met a crash are suspect', async () => {
  const { around } = createQuarantine(1, attempts());
  const { admit } = around(admission());
  expect(await admit(delivery('a', 0))).toBe(0);
  expect(await admit(delivery('b', 0))).toBe(0);
});
