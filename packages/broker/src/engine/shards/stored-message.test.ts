import { methods, type Message } from '@posthorn/shared';
import fc from 'fast-check';
import { formatMessage, restoreMessage } from './stored-message.ts';
import { isMessage } from './unreadable.ts';

const createdAt = 1_790_000_000_123;
const message: Message = {
  url: 'https://a.example/',
  method: 'POST',
  header: {},
  body: { kind: 'text', text: 'a' },
  createdAt,
  notBefore: createdAt,
  maxRetries: 3,
  timeoutMs: 7_200_000,
  callerIp: '::1',
};

const usualOr = <T>(usual: T, other: fc.Arbitrary<T>) => fc.oneof(fc.constant(usual), other);
const messages: fc.Arbitrary<Message> = fc.record({
  url: fc.webUrl(),
  method: usualOr('POST', fc.constantFrom(...methods)),
  header: fc.dictionary(fc.string(), fc.array(fc.string())),
  body: fc.oneof(
    fc.constant({ kind: 'empty' as const }),
    fc.record({ kind: fc.constant('text' as const), text: fc.string({ unit: 'binary' }) }),
    fc.record({ kind: fc.constant('base64' as const), base64: fc.base64String() }),
    fc.record({ kind: fc.constant('stored' as const), key: fc.string(), sizeBytes: fc.nat() }),
  ),
  createdAt: fc.nat(),
  notBefore: fc.nat(),
  maxRetries: usualOr(3, fc.nat()),
  timeoutMs: usualOr(7_200_000, fc.nat()),
  callerIp: fc.ipV4(),
});

test('a message is restored as it was', () => {
  fc.assert(
    fc.property(messages, fc.boolean(), (message, isDelayed) => {
      const stored = isDelayed ? message : { ...message, notBefore: message.createdAt };
      // As JSON: a generated object may have no prototype.
      const text = JSON.stringify(restoreMessage(JSON.parse(formatMessage(stored))));
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(stored)));
    }),
  );
});

test('what is usual is left out, and never changes its meaning', () => {
  const text = '[{"url":"https://a.example/","body":"a","createdAt":1790000000123,"callerIp":"::1"}]';
  expect(formatMessage(message)).toBe(text);
  expect(restoreMessage(JSON.parse(text))).toEqual(message);
});

test.each<[string, unknown]>([
  ['a message of an earlier version', { ...message, method: 'GET', labels: ['a'] }],
  ['what says that a message is canceled', { canceled: 'waiting' }],
  ['nothing', null],
  ['a text', 'a'],
])('%s stays as it is', (_, data) => {
  expect(restoreMessage(data)).toBe(data);
});

test.each([[[]], [[null]], [['a']], [[[message]]], [[{ ...message, body: undefined }]]])('%j is no message', (data) => {
  expect(isMessage(restoreMessage(data))).toBe(false);
});
