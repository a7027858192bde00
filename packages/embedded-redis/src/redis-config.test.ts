import { chooseAddress, formatConfig, formatUrl } from './redis-config.ts';

it('listens on a socket in its folder', async () => {
  const address = await chooseAddress('/srv/posthorn/redis');
  expect(formatUrl(address)).toBe('unix:/srv/posthorn/redis/redis.sock');
});

it.each([
  ['is too long for a socket', `/srv/${'x'.repeat(100)}`],
  ['has a comma, which would make a cluster of the URL', '/srv/a,b'],
  ['has a question mark, which would begin the parameters of the URL', '/srv/a?b'],
])('listens on loopback with a password when its path %s', async (_reason, folder) => {
  const address = await chooseAddress(folder);
  expect(formatUrl(address)).toMatch(/^redis:\/\/:[\w-]{32}@127\.0\.0\.1:\d+$/);
  expect(formatConfig(folder, address, 'always')).toMatch(/^port \d+\nbind 127\.0\.0\.1\nrequirepass [\w-]{32}\n/);
});

it.each(['always', 'everysec'] as const)('flushes as DURABILITY says: %s', async (durability) => {
  const lines = formatConfig('/srv', await chooseAddress('/srv'), durability).split('\n');
  expect(lines).toEqual(
    expect.arrayContaining(['appendonly yes', `appendfsync ${durability}`, 'save ""', 'maxmemory-policy noeviction']),
  );
});

it('quotes a folder with blanks and quotes in its name', async () => {
  const folder = '/srv/my "data"';
  expect(formatConfig(folder, await chooseAddress(folder), 'always')).toContain(String.raw`dir "/srv/my \"data\""`);
});
