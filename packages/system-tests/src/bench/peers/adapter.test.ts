import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fillIn, fillInBody, loadAdapter, parseAdapter } from './adapter.ts';

const url = 'http://127.0.0.1:8071/api/v1/app/bench/msg/';
const values = {
  id: 'bench-1',
  payload: 'a "text"',
  destination: 'http://h/',
  encodedDestination: 'http%3A%2F%2Fh%2F',
};

test('what is left out has defaults', () => {
  expect(parseAdapter({ name: 'a', publish: { url } }, 'a.json')).toEqual({
    name: 'a',
    publish: { method: 'POST', url, headers: {}, body: '{payload}' },
    processes: {},
  });
});

test('placeholders are replaced in texts and in JSON, other braces stay', () => {
  expect(fillIn('/q/{encodedDestination}?id={id}', values)).toBe('/q/http%3A%2F%2Fh%2F?id=bench-1');
  expect(fillIn('{"a": {"id":"{id}"}}', values)).toBe('{"a": {"id":"bench-1"}}');
  expect(fillInBody('{payload}', values)).toBe('a "text"');
  expect(JSON.parse(fillInBody({ to: ['{destination}'], n: 1, text: '{payload}' }, values))).toEqual({
    to: ['http://h/'],
    n: 1,
    text: 'a "text"',
  });
});

test.each<[string, unknown, string]>([
  ['no object', [], 'the adapter: use an object with name, publish, processes'],
  ['no publish', { name: 'a' }, 'publish: use an object with method, url, headers, body'],
  ['an unknown field', { name: 'a', publish: { url, verb: 'PUT' } }, 'publish: verb is unknown'],
  ['no name', { publish: { url } }, 'name: use a text'],
  ['a method in lower case', { name: 'a', publish: { url, method: 'post' } }, 'publish.method: use a method'],
  ['no URL', { name: 'a', publish: { url: '/msg' } }, 'publish.url: use an http or https URL'],
  ['a header that is no text', { name: 'a', publish: { url, headers: { a: 1 } } }, 'publish.headers: use an object'],
  ['a misspelled placeholder', { name: 'a', publish: { url, body: '{payload} {Id}' } }, '{Id} is unknown; use {id}'],
  ['nothing to recognize', { name: 'a', publish: { url, body: 'text' } }, 'use {id} or {payload}'],
  ['a process without name', { name: 'a', publish: { url }, processes: { db: '' } }, 'processes: use an object'],
  ['the process 0', { name: 'a', publish: { url }, processes: { db: 0 } }, 'processes: use an object'],
])('an adapter with %s is refused by name', (_, adapter, fault) => {
  expect(() => parseAdapter(adapter, 'a.json')).toThrow(`Wrong adapter a.json:`);
  expect(() => parseAdapter(adapter, 'a.json')).toThrow(fault);
});

test('all faults are named at once', () => {
  const adapter = { publish: { url: 'x', method: 1 } };
  expect(() => parseAdapter(adapter, 'a.json')).toThrow(/name: .*; publish\.method: .*; publish\.url: /);
});

test('a file that cannot be used is named', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-adapter-'));
  const broken = join(folder, 'broken.json');
  writeFileSync(broken, '{');
  await expect(loadAdapter(broken, 'http://h/')).rejects.toThrow(`${broken}: no JSON`);
  await expect(loadAdapter(join(folder, 'none.json'), 'http://h/')).rejects.toThrow('ENOENT');
  await expect(loadAdapter('adapter.yaml', 'http://h/')).rejects.toThrow('.json or .mjs');
});

test('the adapters in docs/performance.md can be used', () => {
  const page = readFileSync(join(__dirname, '../../../../../docs/performance.md'), 'utf8');
  const blocks = Array.from(page.matchAll(/```json\n(.*?)```/gs), ([, text = '']) =>
    parseAdapter(JSON.parse(text), 'page'),
  );
  expect(blocks.map(({ name }) => name)).toEqual(['posthorn', 'svix']);
});
