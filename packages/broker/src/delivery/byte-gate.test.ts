import { createByteGate } from './byte-gate.ts';

/** Begins work of these sizes behind a gate for 100 bytes; what has begun, and how to end one piece of it. */
function begin(...sizes: number[]) {
  const gate = createByteGate(100);
  const begun: number[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const all = sizes.map((bytes, index) =>
    gate(bytes, () => {
      begun.push(index);
      return new Promise<void>((resolve, reject) => {
        ends[index] = (error) => (error ? reject(error) : resolve());
      });
    }),
  );
  const end = async (index: number, error?: Error) => {
    ends[index]?.(error);
    await all[index]?.catch(() => undefined);
    await new Promise(setImmediate);
  };
  return { begun, end };
}

test('work that fits together runs side by side, and the rest in its order', async () => {
  const { begun, end } = begin(60, 40, 1, 99);
  await new Promise(setImmediate);
  expect(begun).toEqual([0, 1]);
  await end(1);
  expect(begun).toEqual([0, 1, 2]);
  await end(0, new Error('failed'));
  expect(begun).toEqual([0, 1, 2, 3]);
});

test('what is larger than all room runs alone', async () => {
  const { begun, end } = begin(1, 500, 1);
  await new Promise(setImmediate);
  expect(begun).toEqual([0]);
  await end(0);
  expect(begun).toEqual([0, 1]);
  await end(1);
  expect(begun).toEqual([0, 1, 2]);
});

test('small work waits for nothing', async () => {
  const gate = createByteGate(100, { smallBytes: 10 });
  void gate(100, () => new Promise(() => undefined));
  const begun: number[] = [];
  const begin = (bytes: number) => gate(bytes, () => Promise.resolve(void begun.push(bytes)));
  await begin(10);
  void begin(11);
  await new Promise(setImmediate);
  expect(begun).toEqual([10]);
});
