import { createDestinationGuard } from './destination-guard.ts';

const strict = createDestinationGuard({ allowPrivate: false, allow: [], deny: [] });
const open = createDestinationGuard({ allowPrivate: true, allow: [], deny: [] });
const check = (guard: typeof strict, address: string) => guard.checkAddress(address, 'name.example', 443);

const privateAddresses = [
  '127.0.0.1',
  '127.255.0.1',
  '10.0.0.1',
  '172.16.0.1',
  '192.168.1.1',
  '100.64.0.1',
  '::1',
  'fc00::1',
  'fd12::1',
  '::ffff:10.0.0.1',
  '::ffff:7f00:1',
  '64:ff9b::a00:1',
  '2002:7f00:1::',
];
const forbiddenAddresses = [
  '169.254.169.254',
  '169.254.0.1',
  '168.63.129.16',
  '100.100.100.200',
  'fe80::1',
  'fe80::1%eth0',
  'fd00:ec2::254',
  '::ffff:169.254.169.254',
  '64:ff9b::a9fe:a9fe',
  '0.0.0.0',
  '0.1.2.3',
  '192.0.0.1',
  '192.0.2.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '192.88.99.1',
  '::',
  '::7f00:1',
  '100::1',
  '2001::1',
  '2001:db8::1',
  '3fff::1',
  'ff02::1',
  'fec0::1',
  '64:ff9b:1::1',
  '5f00::1',
  '100:0:0:1::1',
];

test.each(['1.1.1.1', '93.184.216.34', '2606:4700::1111', '::ffff:1.1.1.1'])(
  '%s is public and may be reached',
  (address) => {
    expect(check(strict, address)).toBeUndefined();
  },
);

test.each(privateAddresses)('%s is private: refused unless private destinations are allowed', (address) => {
  expect(check(strict, address)).toMatch(/resolves to a (loopback|private) address.*ALLOW_PRIVATE_DESTINATIONS/);
  expect(check(open, address)).toBeUndefined();
});

test.each(forbiddenAddresses)('%s is refused even when private destinations are allowed', (address) => {
  expect(check(open, address)).toMatch(/^endpoint resolves to/);
});

test('a forbidden address is reached only when it is listed itself, not by a broad range', () => {
  const broad = createDestinationGuard({ allowPrivate: true, allow: ['0.0.0.0/0', '169.0.0.0/8', '::/0'], deny: [] });
  expect(check(broad, '169.254.169.254')).toBeDefined();
  const exact = createDestinationGuard({ allowPrivate: false, allow: ['169.254.169.254'], deny: [] });
  expect(check(exact, '169.254.169.254')).toBeUndefined();
  expect(check(exact, '169.254.169.253')).toBeDefined();
  expect(check(exact, '10.0.0.1')).toBeDefined();
});

test('an entry may be a range, a name or one of them with a port; deny wins', () => {
  const guard = createDestinationGuard({
    allowPrivate: false,
    allow: ['10.1.0.0/16', 'internal.example', '10.2.0.1:8080'],
    deny: ['10.1.2.3', '1.1.1.1'],
  });
  expect(guard.checkAddress('10.1.0.1', 'x', 80)).toBeUndefined();
  expect(guard.checkAddress('10.1.2.3', 'x', 80)).toMatch(/DESTINATION_DENY/);
  expect(guard.checkAddress('1.1.1.1', 'x', 80)).toMatch(/DESTINATION_DENY/);
  expect(guard.checkAddress('10.9.9.9', 'Internal.example.', 80)).toBeUndefined();
  expect(guard.checkAddress('10.2.0.1', 'x', 8080)).toBeUndefined();
  expect(guard.checkAddress('10.2.0.1', 'x', 80)).toBeDefined();
});

test.each(['10.0.0.0/33', 'not a host', '1.2.3', ''])("the entry '%s' is refused at the start, by name", (entry) => {
  expect(() => createDestinationGuard({ allowPrivate: false, allow: [entry], deny: [] })).toThrow('DESTINATION_ALLOW');
});

test.each([
  'http://127.1/',
  'http://2130706433/',
  'http://0x7f000001/',
  'http://0177.0.0.1/',
  'http://localhost/',
  'http://a.localhost./',
  'http://[::1]/',
  'http://①②⑦.0.0.1/',
])('%s is refused at publish already', (url) => {
  expect(strict.checkUrl(url)).toMatch(/loopback/);
});

test('a name that needs a look-up passes at publish', () => {
  expect(strict.checkUrl('https://example.com/')).toBeUndefined();
});
