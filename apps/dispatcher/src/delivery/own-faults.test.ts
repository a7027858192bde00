import fs from 'node:fs';
import type { Log } from '@posthorn/process';
import type { DestinationResponse } from '@posthorn/shared';
import { createOwnFaults, type OwnFaults } from './own-faults.ts';

let now = 0;
let faults: OwnFaults;
const lines: [string, object][] = [];
const note = (fields: object, text: string) => void lines.push([text, fields]);

beforeEach(() => {
  jest.useFakeTimers();
  now = 0;
  lines.length = 0;
  faults = createOwnFaults({ warn: note, info: note } as unknown as Log, () => now);
});
afterEach(() => {
  faults.stop();
  jest.useRealTimers();
  jest.restoreAllMocks();
});

const answer = (code: string | undefined, error = `connect ${code} 192.0.2.1:80`, status = 0): DestinationResponse => ({
  status,
  header: {},
  body: new Uint8Array(),
  error,
  ...(code === undefined ? {} : { code }),
});

test.each([
  ['EMFILE', true],
  ['ENFILE', true],
  ['ENOMEM', true],
  ['ENOBUFS', true],
  ['EADDRNOTAVAIL', true],
  ['EAGAIN', true],
  ['ECONNREFUSED', false],
  ['ETIMEDOUT', false],
  ['EHOSTUNREACH', false],
  ['ENETUNREACH', false],
  ['EAI_AGAIN', false],
  ['ENOTFOUND', false],
  ['UND_ERR_CONNECT_TIMEOUT', false],
  ['constructor', false],
  [undefined, false],
])('%s: ours is %s', (code, isOurs) => {
  expect(faults.isOurs(answer(code))).toBe(isOurs);
});

test('a machine without IPv6 is no lack of ports: it would be the same for ever', () => {
  expect(faults.isOurs(answer('EADDRNOTAVAIL', 'connect EADDRNOTAVAIL 2001:db8::1:80 - Local (:::0)'))).toBe(false);
});

test('a response is never a fault of ours', () => {
  expect(faults.isOurs(answer('EMFILE', '', 500))).toBe(false);
});

test('the resolver says for a lack of descriptors what it says for a broken name', () => {
  jest.spyOn(fs, 'openSync').mockImplementation(() => {
    throw Object.assign(new Error('EMFILE'), { code: 'EMFILE' });
  });
  expect(faults.isOurs(answer('EAI_AGAIN', 'unable to resolve host: getaddrinfo EAI_AGAIN a.test'))).toBe(true);
});

test('trouble is said once when it begins and once when it ends; a lasting one makes the process unready', () => {
  for (let n = 0; n < 60; n++) {
    faults.isOurs(answer('EMFILE'));
    now += 100;
    if (n === 20) expect(faults.trouble()).toBeUndefined();
  }
  expect(lines).toEqual([
    ['trouble.started', { kind: 'no-files', code: 'EMFILE', reason: expect.stringContaining('ulimit -n') as string }],
  ]);
  expect(faults.trouble()).toMatch(/no file descriptors left; raise the limit/);
  expect(faults.counts()).toEqual({ 'no-files': 60, 'no-memory': 0, 'no-ports': 0 });
  now += 10_000;
  jest.advanceTimersByTime(1000);
  expect(lines.slice(1)).toEqual([['trouble.ended', { kind: 'no-files', count: 60 }]]);
  expect(faults.trouble()).toBeUndefined();
});
