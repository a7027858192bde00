import { makeAccount } from './account.ts';
import type { PublishLine, ReceiptLine, ReceiverLine } from './lines.ts';

let n = 0;
const publish = (key: string, more: Partial<PublishLine> = {}): PublishLine => ({
  kind: 'publish',
  key,
  sort: 'plain',
  sentAt: 100,
  answeredAt: 110,
  outcome: 'acked',
  status: 200,
  ids: [`msg-${key}`],
  bodyHash: key,
  notBefore: 100,
  ends: 'delivered',
  ...more,
});
const receipt = (key: string, more: Partial<ReceiptLine> = {}): ReceiptLine => ({
  kind: 'receipt',
  n: n++,
  at: 120,
  id: `msg-${key}`,
  key,
  retried: 0,
  bodyHash: key,
  isSigned: true,
  status: 200,
  ...more,
});
const answer = (line: ReceiptLine): ReceiverLine => ({ kind: 'answer', n: line.n, at: line.at + 1 });
/** A request that was answered in full. */
const full = (key: string, more: Partial<ReceiptLine> = {}): ReceiverLine[] => {
  const line = receipt(key, more);
  return [line, answer(line)];
};
const account = (publishes: PublishLine[], lines: ReceiverLine[], dead: string[] = []) =>
  makeAccount(publishes, lines, new Set(dead));

test('a delivered message is in order', () => {
  expect(account([publish('a')], full('a'))).toMatchObject({
    messages: 1,
    delivered: 1,
    open: [],
    phantoms: [],
    corrupt: [],
    early: [],
    duplicates: 0,
    reruns: [],
  });
});

test('a message that was never received, or whose answer was not sent in full, is open', () => {
  expect(account([publish('a'), publish('b')], [receipt('b')]).open).toEqual(['msg-a', 'msg-b']);
  expect(account([publish('c')], full('c', { status: 500 })).open).toEqual(['msg-c']);
});

test('a message in the dead letter queue has ended; one that was also delivered has ended twice', () => {
  const dead = publish('a', { ends: 'dead' });
  expect(account([dead], [], ['msg-a'])).toMatchObject({ dead: 1, open: [], wrongEnds: [] });
  expect(account([dead], full('a'), ['msg-a']).wrongEnds).toEqual(['msg-a']);
  expect(account([publish('b')], [], ['msg-b']).wrongEnds).toEqual(['msg-b']);
});

test('a message that was not published, or was refused, is a phantom; one whose publish is unknown is not', () => {
  expect(account([], full('a')).phantoms).toEqual(['msg-a']);
  expect(account([publish('b', { outcome: 'refused', ids: [] })], full('b')).phantoms).toEqual(['msg-b']);
  expect(account([publish('c')], full('c', { id: 'msg-other' })).phantoms).toEqual(['msg-other']);
  const unknown = account(
    [publish('d', { outcome: 'unknown', ids: [] })],
    [...full('d'), ...full('d', { id: 'msg-d2' })],
  );
  expect(unknown).toMatchObject({ phantoms: [], unknownReceipts: [2] });
});

test('another body and a wrong signature are corrupt', () => {
  expect(account([publish('a')], full('a', { bodyHash: 'x' })).corrupt).toEqual(['msg-a']);
  expect(account([publish('b')], full('b', { isSigned: false })).corrupt).toEqual(['msg-b']);
});

test('only a second full 2xx is a duplicate; the same attempt made again is a rerun', () => {
  expect(account([publish('a')], [...full('a'), ...full('a', { at: 150 })])).toMatchObject({
    duplicates: 1,
    reruns: [{ id: 'msg-a', firstAt: 120, againAt: 150 }],
  });
  const cut = account([publish('b')], [receipt('b'), ...full('b')]);
  expect(cut).toMatchObject({ duplicates: 0, reruns: [{ id: 'msg-b' }] });
  const retried = account([publish('c')], [...full('c', { status: 500 }), ...full('c', { retried: 1 })]);
  expect(retried).toMatchObject({ duplicates: 0, reruns: [] });
});

test('before its time is early, after it is late', () => {
  const delayed = publish('a', { notBefore: 1100 });
  expect(account([delayed], full('a', { at: 1099 })).early).toEqual(['msg-a']);
  expect(account([delayed], full('a', { at: 1200 }))).toMatchObject({ early: [], lateMs: { max: 100 } });
});

test('a message of a queue that overtakes an earlier one is out of order; a retry in its place is not', () => {
  const turn = (key: string, answeredAt: number) => publish(key, { queue: 'q', answeredAt });
  const both = [turn('a', 0), turn('b', 1)];
  expect(account(both, [...full('b'), ...full('a')]).orderBreaks).toEqual(['msg-b']);
  expect(account(both, [receipt('a'), ...full('b')]).orderBreaks).toEqual(['msg-b']);
  expect(account(both, [...full('a', { status: 500 }), ...full('a'), ...full('b'), ...full('a')]).orderBreaks).toEqual(
    [],
  );
});

test('a dead letter of a queue delays no other message', () => {
  const turn = (key: string, answeredAt: number) => publish(key, { queue: 'q', answeredAt });
  const both = [turn('a', 0), turn('b', 1)];
  expect(account(both, [...full('a', { status: 500 }), ...full('b')], ['msg-a']).orderBreaks).toEqual([]);
});

test('a callback that is wanted and does not arrive is missed', () => {
  const told = publish('a', { callback: 'callback' });
  expect(account([told], full('a')).untold).toEqual(['msg-a']);
  const callback = full('', { id: 'msg-callback', sourceId: 'msg-a' });
  expect(account([told], [...full('a'), ...callback])).toMatchObject({ untold: [], phantoms: [], corrupt: [] });
  expect(account([], full('', { id: 'msg-callback', sourceId: 'msg-a' })).phantoms).toEqual(['msg-callback']);
});
