import { findRises } from './compare.ts';

const committed = { alone: { 'calls of hset': 2, 'bytes sent': 1000 } };

test('the same, less, and a little more are no rise', () => {
  expect(findRises(committed, committed)).toEqual([]);
  expect(findRises(committed, { alone: { 'calls of hset': 1, 'bytes sent': 0 } })).toEqual([]);
  expect(findRises(committed, { alone: { 'calls of hset': 2.2, 'calls of info': 0.1, 'bytes sent': 1090 } })).toEqual(
    [],
  );
});

test('one call more is a rise, and is named; so is a call that was not made before', () => {
  expect(findRises(committed, { alone: { 'calls of hset': 3, 'calls of get': 1, 'bytes sent': 1200 } })).toEqual([
    'alone: calls of hset per message: 3, and 2 committed',
    'alone: calls of get per message: 1, and 0 committed',
    'alone: bytes sent per message: 1200, and 1000 committed',
  ]);
});
