import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Resolver } from 'node:dns';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { startTestNameServer, type TestNameServer } from './name-server.fixture.ts';
import { parseSettings } from './name-settings.ts';
import { createResolve, listCandidates, type Resolve } from './resolve.ts';

let folder: string;
let server: TestNameServer;
let resolve: Resolve;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'posthorn-names-'));
  server = await startTestNameServer();
});
afterAll(() => Promise.all([server.stop(), rm(folder, { recursive: true })]));

/** A machine with these files. */
async function configure({ hosts = '', resolvConf = '', nsswitch = 'hosts: files dns\n' }): Promise<void> {
  const files = {
    hosts: join(folder, 'hosts'),
    resolvConf: join(folder, 'resolv'),
    nsswitch: join(folder, 'nsswitch'),
  };
  await writeFile(files.hosts, hosts);
  await writeFile(files.resolvConf, resolvConf);
  await writeFile(files.nsswitch, nsswitch);
  const createResolver = () => {
    const dns = new Resolver({ timeout: 100, tries: 1 });
    dns.setServers([`127.0.0.1:${server.port}`]);
    return dns;
  };
  server.asked.length = 0;
  resolve = createResolve({ files, createResolver, checkMs: 0, freshMs: 0 });
}

const find = async (host: string) => (await resolve(host)).map(({ address }) => address);
const cluster = 'search ns.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n';

describe('the order of resolv.conf', () => {
  beforeEach(async () => {
    Object.assign(server.answers, {
      'api.dev': ['127.0.0.2'],
      'api.dev.svc.cluster.local': ['127.0.0.3'],
      'api.prod': 'SERVFAIL',
      'api.prod.svc.cluster.local': ['127.0.0.3'],
      'slow.dev.ns.svc.cluster.local': 'silence',
      'slow.dev.svc.cluster.local': ['127.0.0.4'],
      'bad.dev.ns.svc.cluster.local': 'SERVFAIL',
      'no.dev.ns.svc.cluster.local': 'REFUSED',
      'bad.dev': ['127.0.0.5'],
      'no.dev': ['127.0.0.5'],
      db: ['127.0.0.6'],
      'db.ns.svc.cluster.local': ['127.0.0.7'],
      'six.dev.svc.cluster.local': ['::5'],
      'six.dev': ['127.0.0.2'],
      'www.example': ['127.0.0.8'],
      'a.b.c.d.e.f': ['127.0.0.9'],
    });
    await configure({ resolvConf: cluster });
  });

  test.each([
    ['a name with fewer dots than ndots goes through the search list first', 'api.dev', ['127.0.0.3']],
    ['capital letters change nothing', 'API.Dev', ['127.0.0.3']],
    ['a server that fails for the name itself is never asked', 'api.prod', ['127.0.0.3']],
    ['a name without a dot goes through the list, too', 'db', ['127.0.0.7']],
    ['a candidate without an answer is not the end', 'slow.dev', ['127.0.0.4']],
    ['a candidate whose server fails is not the end', 'bad.dev', ['127.0.0.5']],
    ['a candidate whose server refuses is not the end', 'no.dev', ['127.0.0.5']],
    ['an address of IPv6 alone is an answer', 'six.dev', ['::5']],
    ['a name that is in no domain of the list is tried as it is', 'www.example', ['127.0.0.8']],
    ['a dot at the end makes a name complete', 'api.dev.', ['127.0.0.2']],
    ['so many dots make a name complete', 'a.b.c.d.e.f', ['127.0.0.9']],
  ])('%s', async (_, host, addresses) => {
    expect(await find(host)).toEqual(addresses);
  });

  test('a name that is complete is asked for alone', async () => {
    await find('api.dev.');
    await find('a.b.c.d.e.f');
    expect(server.asked).toEqual(['api.dev', 'a.b.c.d.e.f']);
  });

  test('an unknown name fails after every candidate', async () => {
    await expect(find('nowhere.dev')).rejects.toMatchObject({
      kind: 'dns',
      message: 'unable to resolve host: nowhere.dev is not known',
    });
    expect(server.asked).toEqual([
      'nowhere.dev.ns.svc.cluster.local',
      'nowhere.dev.svc.cluster.local',
      'nowhere.dev.cluster.local',
      'nowhere.dev',
    ]);
  });

  test('a failure of a server is said when no other candidate has an answer', async () => {
    server.answers['lost.dev.svc.cluster.local'] = 'SERVFAIL';
    await expect(find('lost.dev')).rejects.toMatchObject({
      message: 'unable to resolve host: the name server failed for lost.dev.svc.cluster.local',
    });
  });
});

test.each([
  ['', 'a.b', ['a.b']],
  ['search x.y\n', 'a', ['a.x.y', 'a']],
  ['search x.y\n', 'a.b', ['a.b', 'a.b.x.y']],
  ['search x.y z.\noptions timeout:1 ndots:2 rotate\n', 'a.b', ['a.b.x.y', 'a.b.z', 'a.b']],
  ['search x.y\noptions ndots:0\n', 'a', ['a', 'a.x.y']],
  ['options ndots:3\nsearch x.y\ndomain z\n', 'a.b', ['a.b.z', 'a.b']],
  ['search x\nsearch y ; a comment\n', 'a', ['a.y', 'a']],
  ['# search x\n', 'a', ['a']],
  ['search .\n', 'a', ['a']],
  ['search x.y\n', 'a.', ['a']],
])('resolv.conf %j: %s is looked for as %j', (resolvConf, host, candidates) => {
  expect(listCandidates(host, parseSettings('', resolvConf, ''))).toEqual(candidates);
});

test('without a search list the domain of this machine is one', () => {
  expect(listCandidates('a', parseSettings('', '', '', 'me.example.org'))).toEqual(['a.example.org', 'a']);
  expect(listCandidates('a', parseSettings('', 'search x', '', 'me.example.org'))).toEqual(['a.x', 'a']);
});

describe('the hosts file', () => {
  const hosts = '127.0.0.1 localhost one.test\n::1 one.test # two.test\n10.0.0.2\tTwo.Test. alias\nbad three.test\n';

  test.each([
    ['one.test', ['127.0.0.1', '::1']],
    ['two.test', ['10.0.0.2']],
    ['TWO.test', ['10.0.0.2']],
    ['two.test.', ['10.0.0.2']],
    ['alias', ['10.0.0.2']],
    ['localhost', ['127.0.0.1']],
    ['app.localhost', ['127.0.0.1', '::1']],
  ])('%s is found there, and DNS is not asked', async (host, addresses) => {
    await configure({ hosts, resolvConf: cluster });
    expect(await find(host)).toEqual(addresses);
    expect(server.asked).toEqual([]);
  });

  test('the first names wait for it, all of them', async () => {
    await configure({ hosts });
    server.answers['three.test'] = ['127.0.0.9'];
    expect(await Promise.all(['one.test', 'two.test', 'three.test'].map(find))).toEqual([
      ['127.0.0.1', '::1'],
      ['10.0.0.2'],
      ['127.0.0.9'],
    ]);
  });

  test('it comes second when nsswitch.conf says so', async () => {
    await configure({ hosts, nsswitch: 'passwd: files\nhosts:\tdns files # mdns\n' });
    server.answers['two.test'] = ['127.0.0.9'];
    expect(await find('two.test')).toEqual(['127.0.0.9']);
    expect(await find('alias')).toEqual(['10.0.0.2']);
  });

  test('nothing is asked after a source that is the last one', async () => {
    await configure({ hosts, nsswitch: 'hosts: files [NOTFOUND=return] dns\n' });
    server.answers['www.example'] = ['127.0.0.8'];
    await expect(find('www.example')).rejects.toMatchObject({ kind: 'dns' });
    expect(server.asked).toEqual([]);
  });
});

test.each([
  ['hosts: files mdns4_minimal [NOTFOUND=return] dns myhostname', 'www.example'],
  ['hosts: mymachines resolve [!UNAVAIL=return] files myhostname dns', 'www.example'],
  ['hosts: files dns [!UNAVAIL=return] ldap', 'www.example'],
  ['# nothing\n', 'www.example'],
])('sources that do not know such names are passed over: %s', async (nsswitch, host) => {
  server.answers['www.example'] = ['127.0.0.8'];
  await configure({ nsswitch });
  expect(await find(host)).toEqual(['127.0.0.8']);
});

test.each([
  ['0x7f.1', ['127.0.0.1']],
  ['0x7f000001', ['127.0.0.1']],
  ['0177.0.0.1', ['127.0.0.1']],
])('%s is an address and no name', async (host, addresses) => {
  await configure({ resolvConf: cluster });
  expect(await find(host)).toEqual(addresses);
  expect(server.asked).toEqual([]);
});

test('the files are read again when they have changed', async () => {
  server.answers['api.dev'] = ['127.0.0.2'];
  server.answers['api.dev.other'] = ['127.0.0.6'];
  await configure({ resolvConf: 'options ndots:5\n' });
  expect(await find('api.dev')).toEqual(['127.0.0.2']);
  await writeFile(join(folder, 'resolv'), 'search other\noptions ndots:5\n');
  expect(await find('api.dev')).toEqual(['127.0.0.6']);
  await writeFile(join(folder, 'hosts'), '127.0.0.7 api.dev\n');
  expect(await find('api.dev')).toEqual(['127.0.0.7']);
  await rm(join(folder, 'hosts'));
  expect(await find('api.dev')).toEqual(['127.0.0.6']);
});

test('a name that has no answer holds up no other name', async () => {
  await configure({});
  server.answers['quick.test'] = ['127.0.0.2'];
  const slow = Array.from({ length: 50 }, (_, index) => {
    server.answers[`slow-${index}.test`] = 'silence';
    return find(`slow-${index}.test`).catch(() => 'failed');
  });
  const first = await Promise.race([find('quick.test'), ...slow]);
  expect(first).toEqual(['127.0.0.2']);
  expect(await Promise.all(slow)).toEqual(Array(50).fill('failed'));
});

describe('a name with thousands of addresses', () => {
  const many = [
    ...Array.from({ length: 3000 }, (_, index) => `10.9.${index >> 8}.${index & 255}`),
    ...Array.from({ length: 250 }, (_, index) => `::${index + 1}`),
  ];
  const count = (found: { family: number }[]) => [4, 6].map((each) => found.filter((a) => a.family === each).length);

  test('of those that a name server sends over TCP the first of each family are used', async () => {
    await configure({});
    server.answers['many.test'] = many;
    let found = await resolve('many.test');
    // On a busy machine, those of one family may come too late to be waited for.
    while (count(found).includes(0)) found = await resolve('many.test');
    expect(count(found)).toEqual([32, 32]);
    expect(found[31]).toEqual({ address: '10.9.0.31', family: 4 });
  });

  test('so it is with those of the hosts file', async () => {
    await configure({ hosts: many.map((address) => `${address} many.test\n`).join('') });
    expect(count(await resolve('many.test'))).toEqual([32, 32]);
  });

  test('answers that are not used any more are forgotten', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    await configure({});
    const names = Array.from({ length: 1000 }, (_, index) => `name-${index}.test`);
    for (const name of names) server.answers[name] = many.slice(-50);
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    for (const name of names) await resolve(name);
    await new Promise((done) => setTimeout(done));
    collectGarbage();
    // The answers have 64 KB each as they come, and 4 KB as they are used.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(2_000_000);
  });
});
