// The examples of docs/sdk: the blocks marked `ts run` of a page are one program, which must compile, run against the
// real system, and print what its comments say.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { startSystem, testToken, type TestSystem } from '@posthorn/testkit';
import ts from 'typescript';

const run = promisify(execFile);
const docs = 'docs/sdk';
// Each example is a process of its own, and a compiler is not quick either on a machine that is busy.
jest.setTimeout(180_000);

let system: TestSystem;
let folder: string;
let programs: Map<string, string>;
beforeAll(async () => {
  system = await startSystem();
  folder = await mkdtemp(join(tmpdir(), 'posthorn-docs-'));
  await mkdir(join(folder, 'node_modules/@posthorn'), { recursive: true });
  await symlink(resolve('packages/sdk'), join(folder, 'node_modules/@posthorn/sdk'));
  programs = await extract();
});
afterAll(async () => {
  await system.stop();
  await rm(folder, { recursive: true });
});

test('every page with examples is run', () => {
  expect([...programs.keys()].toSorted()).toEqual([
    'README',
    'dlq',
    'errors',
    'flow-control',
    'logs',
    'messages',
    'publish',
    'queues',
    'receive',
    'schedules',
    'signing-keys',
    'url-groups',
  ]);
});

test('all examples compile, strictly', async () => {
  for (const [page, text] of programs) await writeFile(join(folder, `${page}.mts`), text);
  const compilerOptions = {
    strict: true,
    noEmit: true,
    target: 'es2022',
    module: 'nodenext',
    lib: ['es2022', 'dom'],
    types: [],
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.mts'] }));
  const compiler = resolve('packages/sdk/node_modules/typescript/lib/tsc.js');
  const { stdout } = await run(process.execPath, [compiler, '-p', folder]).catch(
    (error: unknown) => error as { stdout: string },
  );
  expect(stdout).toBe('');
});

test('all examples run and print what they say', async () => {
  const { current, next } = await system.api.read<{ current: string; next: string }>('/v2/keys');
  const env = {
    QSTASH_URL: system.api.url,
    QSTASH_TOKEN: testToken,
    QSTASH_CURRENT_SIGNING_KEY: current,
    QSTASH_NEXT_SIGNING_KEY: next,
  };
  for (const [page, text] of programs) {
    const file = join(folder, `${page}.mjs`);
    const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
    await writeFile(file, ts.transpileModule(text, { compilerOptions: options }).outputText);
    const { stdout, stderr } = await run(process.execPath, [file], { env, timeout: 60_000 });
    const expected = [...text.matchAll(/\/\/ prints (.*)/g)].map(([, line]) => line);
    expect({ page, stderr, lines: stdout.split('\n').filter(Boolean) }).toEqual({ page, stderr: '', lines: expected });
  }
});

/** The program of each page; what is published goes to the receiver of this test instead of to `app.example`. */
async function extract(): Promise<Map<string, string>> {
  const pages = new Map<string, string>();
  for (const file of (await readdir(docs)).filter((each) => each.endsWith('.md'))) {
    const markdown = await readFile(join(docs, file), 'utf8');
    const blocks = [...markdown.matchAll(/^```ts run\n(.*?)^```$/gms)].map(([, block = '']) => block);
    const program = blocks.join('\n').replaceAll('https://app.example', system.receiver.url);
    if (blocks.length > 0) pages.set(file.replace(/\.md$/, ''), program);
  }
  return pages;
}
