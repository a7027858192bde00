import { createSlowSlots } from './slow-slots.ts';

const nothing = { requestBytes: 0, responseBytes: 0 };

test('a slot counts until it is released, with its origin and its bytes', () => {
  const slots = createSlowSlots({ maxSlots: 10, maxBytes: 1000 });
  const slot = slots.acquire('https://a.example/x', { requestBytes: 100, responseBytes: 20 });
  if (!slot) throw new Error('No slot was free.');
  expect([slots.inUse(), slots.heldBytes(), slots.has('https://a.example')]).toEqual([1, 120, true]);
  slots.setBytes(slot, { responseBytes: 300 });
  expect(slots.heldBytes()).toBe(400);
  slots.release(slot);
  expect([slots.inUse(), slots.heldBytes(), slots.has('https://a.example')]).toEqual([0, 0, false]);
});

test('one site gets four fifths of the slots, and other sites get the rest', () => {
  const slots = createSlowSlots({ maxSlots: 10, maxBytes: 1000 });
  const acquire = (count: number, url: (n: number) => string) =>
    Array.from({ length: count }, (_, n) => slots.acquire(url(n), nothing)).filter((slot) => slot !== undefined).length;
  expect(acquire(20, (n) => `https://${n}.evil.test:${n + 1}`)).toBe(8);
  expect(slots.isFull()).toBe(false);
  expect(acquire(20, (n) => `https://host${n}.example${n}.test`)).toBe(2);
  expect(slots.isFull()).toBe(true);
});

test('a site that holds four times the free bytes gets no further slot until it has released some', () => {
  const slots = createSlowSlots({ maxSlots: 100, maxBytes: 1000 });
  const first = slots.acquire('https://a.example', { requestBytes: 850, responseBytes: 0 });
  expect(slots.acquire('https://a.example', nothing)).toBeUndefined();
  expect(slots.acquire('https://b.example', { requestBytes: 151, responseBytes: 0 })).toBeUndefined();
  expect(slots.acquire('https://b.example', { requestBytes: 150, responseBytes: 0 })).toBeDefined();
  expect(slots.isFull()).toBe(true);
  if (first) slots.release(first);
  expect(slots.acquire('https://a.example', nothing)).toBeDefined();
});

test('an attempt that is larger than the limit is alone', () => {
  const slots = createSlowSlots({ maxSlots: 100, maxBytes: 1000 });
  const small = slots.acquire('https://a.example', { requestBytes: 1, responseBytes: 0 });
  const large = { requestBytes: 5000, responseBytes: 0 };
  expect(slots.acquire('https://b.example', large)).toBeUndefined();
  if (small) slots.release(small);
  expect(slots.acquire('https://b.example', large)).toBeDefined();
  expect(slots.acquire('https://a.example', nothing)).toBeUndefined();
});
