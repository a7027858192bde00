import type { Message } from '@posthorn/shared';
import { estimateRequestBytes } from './request-bytes.ts';

const run = { runId: 'wfr_1', createdAt: 0 };

test.each<[string, Partial<Message>, number]>([
  ['no body', { body: { kind: 'empty' } }, 0],
  ['text', { body: { kind: 'text', text: 'x'.repeat(16_000) } }, 16_000],
  ['base64', { body: { kind: 'base64', base64: 'AAAA' } }, 4],
  ['a stored body', { body: { kind: 'stored', key: 'msg_1', sizeBytes: 5_000_000 } }, 5_000_000],
  ['a stored body of an earlier version', { body: { kind: 'stored', key: 'msg_1' } }, 10_485_760],
  ['a body of another version', { body: { kind: 'other' } as never }, 10_485_760],
  ['a step, which gets the log of its run', { workflow: { ...run, kind: 'step', start: 700, end: 900 } }, 900],
  ['a call, which gets its own element', { workflow: { ...run, kind: 'call', start: 700, end: 900 } }, 200],
  [
    'a step whose endpoint fetches a long log',
    { workflow: { ...run, kind: 'step', isLazy: true, end: 2e8 } },
    10_485_760,
  ],
  ['the report of a failure', { workflow: { ...run, kind: 'failure' } }, 10_485_760],
])('of %s', (_, parts, bytes) => {
  expect(estimateRequestBytes({ body: { kind: 'empty' }, ...parts } as Message)).toBe(bytes);
});
