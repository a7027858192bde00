import { spawnSync } from 'node:child_process';
import { parseDestination, publishHeaders } from '@posthorn/shared';
import {
  emptyOptions,
  formatCurl,
  formatPython,
  formatRequest,
  formatTypeScript,
  type SendOptions,
} from './request.ts';

const origin = 'http://127.0.0.1:8080';
beforeAll(() => Object.assign(globalThis, { location: { origin } }));

test.each(['https://a.example/../b.example', 'https://a.example/%2E%2e/b.example', 'https://a.example/x/./?q=1'])(
  'a browser sends %s as it is',
  (url) => {
    const { path } = formatRequest({ ...emptyOptions(), destination: url });
    const target = new URL(path, 'https://posthorn.example').pathname.slice('/v2/publish/'.length);
    expect(parseDestination(target).destination).toEqual({ kind: 'url', url });
  },
);

test('a name never leads out of its path', () => {
  const { path } = formatRequest({ ...emptyOptions(), destination: '../keys/rotate', queue: 'q' });
  expect(new URL(path, 'https://posthorn.example').pathname).toMatch(/^\/v2\/enqueue\/q\/[^/]+$/);
});

test.each(['my.group', 'https://a.example/x?q=../..', 'https://a.example/...'])('%s is not encoded', (destination) => {
  expect(formatRequest({ ...emptyOptions(), destination }).path).toBe(`/v2/publish/${destination}`);
});

/** Options with every character that a shell or a language could take for its own. */
const awkward = (): SendOptions => ({
  ...emptyOptions(),
  method: 'PUT',
  destination: 'https://a.example/x?y=$HOME&z=%27',
  body: `{"a": "it's \\"$(id)\\" \`id\` \\\\ é"}\n!`,
  contentType: 'application/json',
  label: "it's $HOME, é",
  headers: [{ name: 'X-Mine', value: `"a" 'b' \\ $c` }],
});

test('every option of a publish can be sent', () => {
  const texts = Object.entries(emptyOptions()).filter(([, value]) => value === '');
  const filled = { ...emptyOptions(), ...Object.fromEntries(texts.map(([name]) => [name, 'x'])), queue: '' };
  const callbackOptions = publishHeaders.filter(({ kind }) => kind !== undefined).map(({ name }) => name);
  const { headers } = formatRequest({
    ...filled,
    method: 'PUT',
    contentBasedDeduplication: true,
    headers: callbackOptions.map((name) => ({ name, value: 'x' })),
  });
  const sent = new Set(headers.map(([name]) => name.toLowerCase()));
  // A queue is in the path, a schedule has its own page, and a form has no other headers than those it shows.
  const elsewhere = ['queueName', 'cron', 'scheduleId', 'forwardAll'];
  const wanted = publishHeaders.filter(({ option }) => !elsewhere.includes(option)).map(({ name }) => name);
  expect(wanted.filter((name) => !sent.has(name.toLowerCase()))).toEqual([]);
});

test('the curl command is the same request, whatever a shell makes of it', () => {
  const { path, headers } = formatRequest(awkward());
  const script = `curl() { printf '%s\\0' "$@"; }\n${formatCurl(awkward())}`;
  const { stdout } = spawnSync('sh', ['-c', script], { env: { QSTASH_TOKEN: 'secret' }, encoding: 'utf8' });
  const given = stdout.split('\0').slice(0, -1);
  const fields = headers.flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const authorization = ['-H', 'Authorization: Bearer secret'];
  expect(given).toEqual(['-X', 'POST', origin + path, ...authorization, ...fields, '--data-raw', awkward().body]);
});

test('the TypeScript is the same request', async () => {
  const given: unknown[] = [];
  class Client {
    constructor(options: unknown) {
      given.push(options);
    }
    async publish(request: unknown) {
      given.push(request);
    }
  }
  const code = formatTypeScript(awkward()).replace("import { Client } from '@posthorn/sdk';", '');
  // oxlint-disable-next-line typescript/no-implied-eval -- the text is what a user would run
  const run = new Function('Client', 'process', `return (async () => {${code}})();`) as (
    ...given: unknown[]
  ) => unknown;
  await run(Client, { env: { QSTASH_TOKEN: 'secret' } });
  const { destination, body } = awkward();
  const { headers } = formatRequest(awkward());
  expect(given).toEqual([
    { baseUrl: origin, token: 'secret' },
    { url: destination, body, headers: Object.fromEntries(headers) },
  ]);
});

test('the Python has the same texts', () => {
  const { path, headers } = formatRequest(awkward());
  const code = formatPython(awkward());
  for (const text of [origin + path, awkward().body, ...headers.flat()]) expect(code).toContain(JSON.stringify(text));
});

test('code for languages that take one value for a name has all values of a header', () => {
  const headers = [
    { name: 'X-Mine', value: 'a' },
    { name: 'x-mine', value: 'b' },
  ];
  const options = { ...emptyOptions(), destination: 'https://a.example/', headers };
  expect(formatTypeScript(options)).toContain('"Upstash-Forward-X-Mine": "a, b"');
  expect(formatPython(options)).toContain('"Upstash-Forward-X-Mine": "a, b"');
});
