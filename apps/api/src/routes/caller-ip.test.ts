import express, { type Request } from 'express';
import { parseAddress, readCallerIp } from './caller-ip.ts';

test.each([
  ['203.0.113.7', '203.0.113.7'],
  ['203.0.113.7:51234', '203.0.113.7'],
  ['2001:db8::1', '2001:db8::1'],
  ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
  ['[2001:db8::1]', '2001:db8::1'],
  ['[2001:db8::1]:443', '2001:db8::1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['::ffff:203.0.113.7', '203.0.113.7'],
  ['[::ffff:203.0.113.7]:80', '203.0.113.7'],
  ['::1', '::1'],
])('%s is the address %s', (text, address) => {
  expect(parseAddress(text)).toBe(address);
});

test.each([
  ...['', 'unknown', '_hidden', '<script>', 'a.example', '203.0.113.7:', '203.0.113.7:port', '203.0.113.7:123456'],
  ...[
    '203.0.113',
    '256.1.1.1',
    '1.2.3.4.5',
    '[203.0.113.7]',
    '[]',
    '[]:80',
    '[2001:db8::1',
    '2001:db8::g',
    ':80',
    '"::1"',
  ],
  ...['203.0.113.7 ', '203.0.113.7\n', '203.0.113.7,203.0.113.8', '0x7f.1', '127.1'],
])('%j is no address', (text) => {
  expect(parseAddress(text)).toBeUndefined();
});

describe('the caller', () => {
  const callerOf = (
    peer: string | undefined,
    forwarded?: string,
    trusted: readonly string[] = ['127.0.0.1', '10.0.0.0/8'],
  ) => {
    const app = express();
    if (trusted.length > 0) app.set('trust proxy', trusted);
    return readCallerIp({ app, socket: { remoteAddress: peer }, get: () => forwarded } as unknown as Request);
  };

  test.each([
    ['203.0.113.7', '203.0.113.7'],
    ['203.0.113.7:51234', '203.0.113.7'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['198.51.100.1, 203.0.113.7:51234', '203.0.113.7'],
    ['203.0.113.7:51234, 10.0.0.5:4711', '203.0.113.7'],
    ['203.0.113.7:51234,10.0.0.5', '203.0.113.7'],
    ['unknown', '127.0.0.1'],
    ['<script>', '127.0.0.1'],
    ['203.0.113.7, unknown', '127.0.0.1'],
    ['unknown, 10.0.0.5', '10.0.0.5'],
    ['', '127.0.0.1'],
    [', ,', '127.0.0.1'],
    ['10.0.0.7, 10.0.0.5', '10.0.0.7'],
    [undefined, '127.0.0.1'],
  ])('behind a trusted proxy that sends %j is %s', (forwarded, caller) => {
    expect(callerOf('127.0.0.1', forwarded)).toBe(caller);
    expect(callerOf('::ffff:127.0.0.1', forwarded)).toBe(caller);
  });

  test('is the peer where no proxy is trusted, or another one', () => {
    expect(callerOf('127.0.0.1', '203.0.113.7', [])).toBe('127.0.0.1');
    expect(callerOf('192.0.2.1', '203.0.113.7')).toBe('192.0.2.1');
    expect(callerOf('::ffff:192.0.2.1', '203.0.113.7')).toBe('192.0.2.1');
    expect(callerOf(undefined, '203.0.113.7')).toBe('');
  });
});
