import type { Message } from '@posthorn/shared';
import {
  activeEntry,
  canceledEntry,
  deliveredEntry,
  failedEntries,
  parseLog,
  retryEntries,
  type KeptFailure,
  type NewLogEntry,
} from '../../engine/log/log-entries.ts';
import type { Delivery } from '../../engine/shards/shard.ts';
import { formatProgress } from './message-view.ts';

const message = {
  createdAt: 1,
  notBefore: 1,
  maxRetries: 2,
  header: {},
  body: { kind: 'empty' },
} as unknown as Message;
const failure: KeptFailure = {
  error: 'connect ECONNREFUSED',
  errorKind: 'connect',
  response: { status: 0, header: {}, body: Buffer.alloc(0), isCut: false },
};
const delivery = (retried: number, lastError?: string): Delivery => ({
  id: 'msg_1',
  shard: 0,
  message,
  retried,
  crashes: 0,
  ...(lastError ? { lastError } : {}),
});
const entries = (...given: NewLogEntry[]) =>
  parseLog('msg_1', message, Object.fromEntries(given.map(({ field, value }) => [field, String(value)])));

test.each([
  ['before its first attempt', delivery(0), entries(), { state: 'CREATED', attempts: 0 }],
  ['during it', delivery(0), entries(activeEntry(0, 2)), { state: 'ACTIVE', attempts: 1 }],
  [
    'between two attempts',
    delivery(1, 'connect ECONNREFUSED'),
    entries(activeEntry(0, 2), ...retryEntries(0, 3, failure, 1000)),
    { state: 'RETRY', attempts: 1, nextDeliveryTime: 1003, error: 'connect ECONNREFUSED', errorKind: 'connect' },
  ],
  [
    'during a retry',
    delivery(1, 'connect ECONNREFUSED'),
    entries(activeEntry(0, 2), ...retryEntries(0, 3, failure, 1000), activeEntry(1, 1003)),
    { state: 'ACTIVE', attempts: 2, error: 'connect ECONNREFUSED', errorKind: 'connect' },
  ],
  [
    'after its end',
    undefined,
    entries(activeEntry(0, 2), ...failedEntries(0, 3, failure)),
    { state: 'FAILED', attempts: 1, error: 'connect ECONNREFUSED', errorKind: 'connect' },
  ],
  [
    'after its delivery: nothing is wrong any more',
    undefined,
    entries(activeEntry(0, 2), ...retryEntries(0, 3, failure, 1), activeEntry(1, 4), deliveredEntry(5)),
    { state: 'DELIVERED', attempts: 2 },
  ],
  ['after a cancel', undefined, entries(canceledEntry(2)), { state: 'CANCELED', attempts: 0 }],
  [
    'when its log was left out, because Redis was full',
    delivery(2, 'no complete response within 1 s'),
    entries(),
    { state: 'RETRY', attempts: 2, error: 'no complete response within 1 s' },
  ],
  ['when its whole log is gone', delivery(0), [], { state: 'CREATED', attempts: 0 }],
])('a message %s', (_, given, log, expected) => {
  expect(formatProgress(given, log)).toEqual(expected);
});
