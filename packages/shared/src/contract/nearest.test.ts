import { findNearest } from './nearest.ts';

const names = [
  'label',
  'url',
  'host',
  'path',
  'queueName',
  'fromDate',
  'toDate',
  'messageId',
  'messageIds',
  'callerIp',
];

test.each([
  ['lable', 'label'],
  ['labeel', 'label'],
  ['LABEL', 'label'],
  ['labels', 'label'],
  ['ulr', 'url'],
  ['queuename', 'queueName'],
  ['queue', undefined],
  ['quueName', 'queueName'],
  ['fromdat', 'fromDate'],
  ['messageid', 'messageId'],
  ['x', undefined],
  ['paths', 'path'],
  ['', undefined],
  ['banana', undefined],
  ['l'.repeat(100_000), undefined],
])('%s is %s', (word, name) => {
  expect(findNearest(word, names)).toBe(name);
});
