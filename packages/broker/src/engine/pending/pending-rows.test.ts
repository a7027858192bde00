import { newMessageId, type Message, type MessageFilter } from '@posthorn/shared';
import fc from 'fast-check';
import { matches } from '../../views/filter.ts';
import {
  createRowTest,
  findRows,
  formatRows,
  locateCompared,
  passesRow,
  readRowId,
  rowBytes,
  toColumns,
  toRows,
} from './pending-rows.ts';

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
/** Numbers of the rows that pass, in rows and in columns. */
const find = (rows: Buffer, wanted: MessageFilter): [inRows: number[], inColumns: number[]] => {
  const count = rows.length / rowBytes;
  const all = Array.from({ length: count }, (_, row) => row);
  const test = createRowTest(wanted);
  if (!test) return [all, all];
  const { columns, labelColumns } = toColumns(rows);
  const places = locateCompared({ number: 1, rows: count, labelColumns }, test);
  const read = ({ from, to }: { from: number; to: number }) => columns.subarray(from, to);
  const found = findRows(test, { fields: places.fields.map(read), labels: places.labels.map(read) });
  return [all.filter((row) => passesRow(test, rows, row * rowBytes)), [...new Set(found)].toSorted((a, b) => a - b)];
};

test('rows keep the ids, and are the same after they were sorted by columns', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 20 }), (messages) => {
      const { ids, rows } = createRows(messages);
      expect(ids.map((_, index) => readRowId(rows, index * rowBytes))).toEqual(ids);
      const { columns, labelColumns } = toColumns(rows);
      expect(toRows(columns, labelColumns)).toEqual(rows);
    }),
  );
});

test('a message that matches passes; one that does not passes only if it has more labels than a row', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 20 }), filter, (messages, wanted) => {
      const { rows } = createRows(messages);
      const expected = messages.flatMap((one, row) => {
        const isUnknown = (one.labels?.length ?? 0) > 6 && wanted.label !== undefined;
        const { label: _, ...others } = wanted;
        return matches(isUnknown ? others : wanted, one) ? [row] : [];
      });
      expect(find(rows, wanted)).toEqual([expected, expected]);
    }),
  );
});

test('labels that no row has take no room', () => {
  const bytesOf = (labels: string[]) =>
    toColumns(createRows([{ url: 'https://a.example/', labels } as Message]).rows).columns.length;
  expect(bytesOf([])).toBe(rowBytes - 12);
  expect(bytesOf(['a'])).toBe(rowBytes - 10);
  expect(bytesOf(['a', 'b', 'c', 'd', 'e', 'f'])).toBe(rowBytes);
});

test('a segment of an earlier version, with one column of all labels, becomes rows', () => {
  const { rows } = createRows([
    { url: 'https://a.example/', callerIp: '::1', labels: ['a', 'b', 'c', 'd', 'e', 'f'] } as Message,
  ]);
  // One row is the same in both forms.
  expect(toRows(rows, undefined)).toEqual(rows);
  const second = createRows([{ url: 'https://b.example/', callerIp: '::2', labels: ['g'] } as Message]).rows;
  const columns = [
    [0, 2],
    [2, 4],
    [4, 6],
    [6, 8],
    [8, 10],
    [10, 12],
    [12, 14],
    [14, 16],
    [16, 28],
    [28, 45],
  ].flatMap(([from, to]) => [rows.subarray(from, to), second.subarray(from, to)]);
  expect(toRows(Buffer.concat(columns), undefined)).toEqual(Buffer.concat([rows, second]));
});

test('hardly any label is taken for another one', () => {
  const messages = Array.from({ length: 20_000 }, (_, n) => ({ url: 'https://a.example/', labels: [`customer-${n}`] }));
  const { rows } = createRows(messages as Message[]);
  const [found] = find(rows, { label: ['rare'] });
  expect(found.length).toBeLessThanOrEqual(3);
});

test('a message whose URL cannot be parsed has a row, too', () => {
  const { rows } = createRows([{ url: 'no URL', callerIp: '::1', labels: ['a'] } as Message]);
  expect(find(rows, { label: ['a'] })).toEqual([[0], [0]]);
});
