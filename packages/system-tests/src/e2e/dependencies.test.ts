import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const read = (path: string) => readFileSync(path, 'utf8');
const workspace = read('pnpm-workspace.yaml');
const lock = read('pnpm-lock.yaml');
const manifests = ['apps', 'packages', 'examples']
  .flatMap((folder) => readdirSync(folder).map((name) => `${folder}/${name}/package.json`))
  .filter((path) => existsSync(path))
  .concat('package.json');
const shipped = ['@posthorn/api', '@posthorn/dispatcher', '@posthorn/local', '@posthorn/sdk'];

/** The lines below a key at the left margin. */
const section = (text: string, key: string) =>
  new RegExp(`^${key}:\n((?:[ #].*\n|\n)*)`, 'm')
    .exec(text)?.[1]
    ?.split('\n')
    .filter((line) => /^ {2}\S/.test(line)) ?? [];
const pnpm = (...args: string[]) =>
  execFileSync('node_modules/.bin/pnpm', [...args, ...shipped.flatMap((name) => ['--filter', name])], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });

test('every version in the catalog is exact, and has its reason beside it', () => {
  const entries = section(workspace, 'catalog');
  expect(entries.length).toBeGreaterThan(20);
  expect(
    entries.filter((line) => !/^ {2}('[^']+'|[\w./-]+): (npm:[\w@/.-]+@)?\d+\.\d+\.\d+(-[\w.]+)? # \S/.test(line)),
  ).toEqual([]);
});

test.each(manifests)('%s takes its versions from the catalog', (path) => {
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(read(path)) as Record<string, object>;
  const ranges = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies });
  expect(ranges.filter(([, range]) => !/^(catalog:.*|workspace:\*)$/.test(range as string))).toEqual([]);
});

test('a version that stands in two catalogs is the same in both', () => {
  const versions = [...workspace.matchAll(/^ {2,4}'?([@\w/.-]+?)'?: (\d+\.\d+\.\d+)/gm)].map(([, name, version]) => [
    name,
    version,
  ]);
  const known = new Map(
    section(workspace, 'catalog').map(
      (line) => /^ {2}'?([@\w/.-]+?)'?: (\S+)/.exec(line)?.slice(1) as [string, string],
    ),
  );
  const named = versions.filter(([name = '']) => known.has(name));
  expect(named.length).toBeGreaterThan(known.size - 5);
  expect(named.filter(([name = '', version]) => known.get(name) !== version)).toEqual([]);
});

test('the lock file pins every package by its hash, and none by an address', () => {
  const packages = lock.slice(lock.indexOf('\npackages:\n'), lock.indexOf('\nsnapshots:\n'));
  const resolutions = packages.match(/^ {4}resolution: .*$/gm) ?? [];
  expect(resolutions.length).toBe(packages.match(/^ {2}\S.*:$/gm)?.length);
  expect(resolutions.filter((line) => !/^ {4}resolution: \{integrity: sha512-[\w+/=]+\}$/.test(line))).toEqual([]);
  expect(lock).not.toMatch(/https?:\/\//);
});

test('no dependency may run code when it is installed', () => {
  const builds = section(workspace, 'allowBuilds');
  expect(builds.length).toBeGreaterThan(0);
  expect(builds.filter((line) => !line.endsWith(': false'))).toEqual([]);
  expect(workspace).not.toMatch(/dangerouslyAllowAllBuilds|onlyBuiltDependencies|strictDepBuilds: false/);
});

test('what is shipped has licences that ask for no more than their text', () => {
  const byLicense = JSON.parse(pnpm('licenses', 'list', '--prod', '--json')) as Record<string, { name: string }[]>;
  expect(Object.keys(byLicense).length).toBeGreaterThan(0);
  const allowed = ['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'BlueOak-1.0.0'];
  const others = Object.entries(byLicense).filter(([license]) => !allowed.includes(license));
  expect(others.map(([license, packages]) => [license, packages.map(({ name }) => name)])).toEqual([]);
});

test('the list of all packages that are shipped can be printed, in the format of CycloneDX', () => {
  const bill = JSON.parse(pnpm('sbom', '--sbom-format', 'cyclonedx', '--prod', '--lockfile-only')) as {
    bomFormat: string;
    components: { name: string; purl: string; group?: string }[];
  };
  expect(bill.bomFormat).toBe('CycloneDX');
  const names = bill.components.map(({ name }) => name);
  for (const name of ['bullmq', 'ioredis', 'axios', 'express', 'zod', 'pino']) expect(names).toContain(name);
  expect(names).not.toContain('jest');
});
