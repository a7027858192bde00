import dns from 'node:dns';
import files from 'node:fs/promises';
import { createResolve } from './resolve.ts';

afterEach(() => jest.restoreAllMocks());

test('the first names wait for the hosts file, all of them', async () => {
  jest.spyOn(files, 'readFile').mockImplementation(async () => '10.0.0.1 one.test\n10.0.0.2 two.test # three.test');
  const ofDns: string[] = [];
  jest.spyOn(dns.Resolver.prototype, 'resolve4').mockImplementation((name: string) => void ofDns.push(name));
  jest.spyOn(dns.Resolver.prototype, 'resolve6').mockImplementation(() => undefined);
  jest.spyOn(dns, 'lookup').mockImplementation(((host: string, _: object, done: (...all: unknown[]) => void) => {
    done(null, [{ address: host, family: 4 }]);
  }) as never);

  const resolve = createResolve();
  const found = Promise.all([resolve('one.test'), resolve('two.test')]);
  void resolve('three.test');
  await new Promise(setImmediate);
  expect(ofDns).toEqual(['three.test']);
  expect((await found).flat().map(({ address }) => address)).toEqual(['one.test', 'two.test']);
});
