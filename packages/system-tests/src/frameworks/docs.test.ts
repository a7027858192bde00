// The applications of `examples/frameworks` are the examples of `docs/sdk/frameworks`, to the letter.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { applications } from './applications.ts';

const root = resolve(__dirname, '../../../..');
const examples = join(root, 'examples/frameworks');
const pages = join(root, 'docs/sdk/frameworks');

const folders = readdirSync(examples).filter((name) => statSync(join(examples, name)).isDirectory());

test('every application is tested, and has a page', () => {
  expect([...new Set(applications.map(({ folder }) => folder))].toSorted()).toEqual(folders.toSorted());
  expect(readdirSync(pages).toSorted()).toEqual(folders.map((name) => `${name}.md`).toSorted());
});

test.each(folders)('the page of %s shows its files', (folder) => {
  const markdown = readFileSync(join(pages, `${folder}.md`), 'utf8');
  const shown = Object.fromEntries(
    [...markdown.matchAll(/^```\w+ file=(\S+)\n(.*?)^```$/gms)].map(([, file = '', text = '']) => [file, text]),
  );
  const files = readdirSync(join(examples, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => !name.includes('node_modules') && statSync(join(examples, folder, name)).isFile())
    .map((name) => [name, readFileSync(join(examples, folder, name), 'utf8')]);
  expect(shown).toEqual(Object.fromEntries(files));
});

test.each(folders)('%s pins every version, and names no registry', (folder) => {
  const { dependencies = {}, devDependencies = {} } = JSON.parse(
    readFileSync(join(examples, folder, 'package.json'), 'utf8'),
  ) as Record<string, Record<string, string>>;
  for (const version of Object.values({ ...dependencies, ...devDependencies })) {
    expect(version).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/);
  }
  expect(Object.keys(dependencies)).not.toContain('@posthorn/sdk');
  expect(readdirSync(join(examples, folder)).filter((name) => name.includes('lock'))).toEqual([]);
});
