import os from 'node:os';
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
  '1fff:ffff::1',
  '4000::1',
  '8000::1',
  'e000::1',
  'fe00::1',
  '1::1',
];

test.each(['1.1.1.1', '93.184.216.34', '2606:4700::1111', '::ffff:1.1.1.1', '2a00:1450::1', '3ffe:ffff::1'])(
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

test('IPv6 that nobody was given is reached only when it is listed', () => {
  const guard = createDestinationGuard({ allowPrivate: false, allow: ['4000::1', '5f00:1::1'], deny: [] });
  expect(check(guard, '4000::1')).toBeUndefined();
  expect(check(guard, '5f00:1::1')).toBeUndefined();
  expect(check(guard, '4000::2')).toBe(
    'endpoint resolves to a reserved address: 4000::2 (to allow it, list it in DESTINATION_ALLOW)',
  );
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

/** Every way to write an address that a parser of URLs may know, by what it must be refused as. */
const spellings: Record<string, string[]> = {
  loopback: [
    'http://127.0.0.1/',
    'http://127.0.0.1./',
    'http://127.1/',
    'http://127.0.1/',
    'http://127.255.255.254/',
    'http://2130706433/',
    'http://0x7f000001/',
    'http://0X7F000001/',
    'http://0x7f.1/',
    'http://0x7f.0x0.0x0.0x1/',
    'http://0177.0.0.1/',
    'http://0177.1/',
    'http://017700000001/',
    'http://00000177.0.0.1/',
    'http://127.0.0.0x1/',
    'http://%31%32%37.0.0.1/',
    'http://①②⑦.0.0.1/',
    'http://１２７.0.0.1/',
    'http://127。0。0。1/',
    'http://127．0．0．1/',
    'http://localhost/',
    'http://LOCALHOST/',
    'http://LocalHost./',
    'http://a.localhost./',
    'http://[::1]/',
    'http://[0:0:0:0:0:0:0:1]/',
    'http://[0000::0001]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:7f00:1]/',
    'http://[::FFFF:7F00:0001]/',
    'http://[64:ff9b::127.0.0.1]/',
    'http://[2002:7f00:1::]/',
    'http://user:secret@127.0.0.1/',
    'http://1.1.1.1@127.0.0.1/',
    'http://1.1.1.1%40@127.0.0.1/',
    'https://127.0.0.1:8443/',
    'HTTP://127.0.0.1/',
  ],
  private: [
    'http://10.1/',
    'http://167772161/',
    'http://0xa000001/',
    'http://012.0.0.1/',
    'http://172.31.255.255/',
    'http://192.168.257/',
    'http://100.64.0.1/',
    'http://[fd12:3456::1]/',
    'http://[::ffff:a00:1]/',
    'http://[64:ff9b::a00:1]/',
    'http://[2002:c0a8:101::1]/',
  ],
  'link-local or metadata': [
    'http://169.254.169.254/',
    'http://169.254.169.254./',
    'http://2852039166/',
    'http://0xa9fea9fe/',
    'http://0251.0376.0251.0376/',
    'http://025177524776/',
    'http://169.254.43518/',
    'http://169.16689662/',
    'http://①⑥⑨.254.169.254/',
    'http://[::ffff:169.254.169.254]/',
    'http://[::ffff:a9fe:a9fe]/',
    'http://[64:ff9b::169.254.169.254]/',
    'http://[2002:a9fe:a9fe::]/',
    'http://[fe80::1]/',
    'http://[fd00:ec2::254]/',
    'http://168.63.129.16/',
    'http://2822734096/',
    'http://100.100.100.200/',
  ],
  unspecified: ['http://0/', 'http://0.0.0.0/', 'http://0x0/', 'http://000/', 'http://[::]/', 'http://[::ffff:0:0]/'],
  reserved: [
    'http://[::127.0.0.1]/',
    'http://[::a9fe:a9fe]/',
    // Teredo, with the address of its server and the inverted one of its client.
    'http://[2001:0:7f00:1::80ff:fffe]/',
    'http://[64:ff9b:1::7f00:1]/',
    'http://[64:ff9b:1:7f00:0:100:808:808]/',
    'http://[100::1]/',
    'http://192.0.2.1/',
    'http://240.0.0.1/',
  ],
  broadcast: ['http://255.255.255.255/', 'http://4294967295/'],
  multicast: ['http://224.0.0.1/', 'http://[ff02::1]/'],
};

test.each(Object.entries(spellings).flatMap(([kind, urls]) => urls.map((url) => [url, kind])))(
  '%s is refused at publish already, as %s',
  (url, kind) => {
    expect(strict.checkUrl(url)).toMatch(new RegExp(`^endpoint resolves to an? ${kind} address: .*DESTINATION_ALLOW`));
  },
);

test.each([
  'http://127.0.0.1.example.com/',
  'http://1.1.1.1/',
  'http://[2606:4700::1111]/',
  'http://localhost.example/',
])('%s only looks like one of them', (url) => {
  expect(strict.checkUrl(url)).toBeUndefined();
});

describe('addresses of posthorn itself', () => {
  const guard = (allow: string[] = [], own = [{ address: '127.0.0.1', port: 6379 }]) =>
    createDestinationGuard({ allowPrivate: true, allow, deny: [], own: () => own });

  test.each(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])('%s is refused at their port only', (address) => {
    expect(guard().checkAddress(address, 'x', 6379)).toMatch(/address of posthorn itself: .*DESTINATION_ALLOW/);
    expect(guard().checkAddress(address, 'x', 6380)).toBeUndefined();
  });

  test('a Redis elsewhere is refused at its own address only, also when that is public', () => {
    const away = guard([], [{ address: '::ffff:1.2.3.4', port: 6379 }]);
    expect(away.checkAddress('1.2.3.4', 'x', 6379)).toMatch(/posthorn itself/);
    expect(away.checkAddress('1.2.3.5', 'x', 6379)).toBeUndefined();
  });

  test('many addresses at once do not ask the system for those of this machine again', () => {
    const interfaces = jest.spyOn(os, 'networkInterfaces');
    const checked = guard();
    for (let n = 0; n < 4000; n++) {
      expect(checked.checkAddress(`10.1.${n >> 8}.${n & 255}`, 'x', 6379)).toBeUndefined();
    }
    expect(interfaces.mock.calls.length).toBeLessThan(100);
    interfaces.mockRestore();
  });

  test.each(['127.0.0.1', '127.0.0.0/8', '0.0.0.0/0', 'x', 'x:6379', '127.0.0.0/8:6379'])(
    'the entry %s does not allow them',
    (entry) => {
      expect(guard([entry]).checkAddress('127.0.0.1', 'x', 6379)).toMatch(/posthorn itself/);
    },
  );

  test('an entry with exactly the address and the port does', () => {
    expect(guard(['127.0.0.1:6379']).checkAddress('127.0.0.1', 'x', 6379)).toBeUndefined();
  });
});

test('a name in the list opens private addresses, but no metadata service that it is made to lead to', () => {
  const guard = createDestinationGuard({ allowPrivate: false, allow: ['internal.example'], deny: [] });
  expect(guard.checkAddress('10.0.0.1', 'internal.example', 80)).toBeUndefined();
  expect(guard.checkAddress('169.254.169.254', 'internal.example', 80)).toMatch(/metadata/);
});

test('an entry in the form of IPv6 counts for the IPv4 address inside', () => {
  const guard = createDestinationGuard({
    allowPrivate: true,
    allow: [],
    deny: ['::ffff:10.0.0.1', '::ffff:10.1.0.0/112'],
  });
  expect(check(guard, '10.0.0.1')).toMatch(/DESTINATION_DENY/);
  expect(check(guard, '10.1.2.3')).toMatch(/DESTINATION_DENY/);
  expect(check(guard, '10.2.0.1')).toBeUndefined();
});

test('a host that is denied by name is refused at publish already', () => {
  const guard = createDestinationGuard({ allowPrivate: false, allow: [], deny: ['evil.example', 'half.example:8080'] });
  expect(guard.checkUrl('https://EVIL.example./x')).toMatch(/DESTINATION_DENY/);
  expect(guard.checkUrl('http://half.example:8080/')).toMatch(/DESTINATION_DENY/);
  expect(guard.checkUrl('http://half.example/')).toBeUndefined();
});

test('a name that needs a look-up passes at publish', () => {
  expect(strict.checkUrl('https://example.com/')).toBeUndefined();
});
