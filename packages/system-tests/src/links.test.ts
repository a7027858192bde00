import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const root = resolve(__dirname, '../../..');
const list = (folder: string, recursive = false) =>
  readdirSync(join(root, folder), { encoding: 'utf8', recursive }).map((name) => join(folder, name));
const pages = [...list('.'), ...list('docs', true), ...list('packages').flatMap((folder) => list(folder))].filter(
  (name) => name.endsWith('.md'),
);

test.each(pages)('%s links to nothing, and names no file, that is not there', (page) => {
  const text = readFileSync(join(root, page), 'utf8');
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
  const dead = links.filter((link) => !/^[a-z]+:/i.test(link) && !leadsSomewhere(page, link));
  const named = [...text.matchAll(/`((?:apps|docs|packages|scripts)\/[\w./-]+)`/g)].map(([, path = '']) => path);
  expect([...dead, ...named.filter((path) => !existsSync(join(root, path)))]).toEqual([]);
});

function leadsSomewhere(page: string, link: string): boolean {
  const [path = '', heading] = link.split('#');
  const target = path === '' ? join(root, page) : join(root, dirname(page), path);
  if (!existsSync(target)) return false;
  return heading === undefined || listHeadings(readFileSync(target, 'utf8')).includes(heading);
}

/** The names under which a heading can be linked to. */
function listHeadings(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
}
