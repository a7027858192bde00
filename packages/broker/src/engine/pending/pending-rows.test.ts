import { newMessageId, type Message, type MessageFilter } from '@posthorn/shared';
import fc from 'fast-check';
import { matches } from '../../views/filter.ts';
import { createRowTests, locateColumn, readRowId, rowBytes, toColumns, toRows, formatRows } from './pending-rows.ts';

const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'ä');
const message = fc.record(
  {
    url: fc.constantFrom('https://a.example/', 'https://a.example/x', 'http://b.example:8080/x?y'),
    callerIp: name,
    labels: fc.array(name, { maxLength: 9 }),
    topicName: name,
    queueName: name,
    scheduleId: name,
    flowControl: fc.record({ key: name, periodSeconds: fc.constant(1) }),
  },
  { requiredKeys: ['url', 'callerIp'] },
) as fc.Arbitrary<Message>;
const names = fc.option(fc.array(name, { minLength: 1, maxLength: 3 }), { nil: undefined });
const filter: fc.Arbitrary<MessageFilter> = fc.record({
  label: names,
  queueName: names,
  topicName: names,
  flowControlKey: names,
  path: fc.option(fc.constant(['/x']), { nil: undefined }),
});

const createRows = (messages: readonly Message[]) => {
  const entries = messages.map((one, index) => ({ id: newMessageId(index % 8, index), message: one }));
  return { ids: entries.map(({ id }) => id), rows: formatRows(entries) };
};
/** Whether a row passes, in rows and in columns. */
const passes = (rows: Buffer, row: number, wanted: MessageFilter): [inRows: boolean, inColumns: boolean] => {
  const tests = createRowTests(wanted);
  const columns = toColumns(rows);
  const count = rows.length / rowBytes;
  return [
    tests.every((test) => test.passes(rows, row * rowBytes + test.offset)),
    tests.every((test) => test.passes(columns, locateColumn(count, test).from + row * test.bytes)),
  ];
};

test('rows keep the ids, and are the same after they were sorted by columns', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 20 }), (messages) => {
      const { ids, rows } = createRows(messages);
      expect(ids.map((_, index) => readRowId(rows, index * rowBytes))).toEqual(ids);
      expect(toRows(toColumns(rows))).toEqual(rows);
    }),
  );
});

test('a message that matches passes; one that does not passes only if it has more labels than a row', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 20 }), filter, (messages, wanted) => {
      const { rows } = createRows(messages);
      for (const [row, one] of messages.entries()) {
        const isUnknown = (one.labels?.length ?? 0) > 6 && wanted.label !== undefined;
        const { label: _, ...others } = wanted;
        const expected = matches(isUnknown ? others : wanted, one);
        expect(passes(rows, row, wanted)).toEqual([expected, expected]);
      }
    }),
  );
});

test('hardly any label is taken for another one', () => {
  const messages = Array.from({ length: 20_000 }, (_, n) => ({ url: 'https://a.example/', labels: [`customer-${n}`] }));
  const { rows } = createRows(messages as Message[]);
  const [test] = createRowTests({ label: ['rare'] });
  const found = messages.filter((_, row) => test?.passes(rows, row * rowBytes + test.offset));
  expect(found.length).toBeLessThanOrEqual(3);
});

test('a message whose URL cannot be parsed has a row, too', () => {
  const { rows } = createRows([{ url: 'no URL', callerIp: '::1', labels: ['a'] } as Message]);
  expect(passes(rows, 0, { label: ['a'] })).toEqual([true, true]);
});
