// Tests the package as its users get it: packed, installed into an empty project, imported and required, with its
// types, its size and what it contains. `--runtime <path>` names further programs to run it with: other versions of
// Node.js, Bun, Deno.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { minify } from '@swc/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { rollup } from 'rollup';

const package_ = fileURLToPath(new URL('..', import.meta.url));
const { name, exports } = JSON.parse(readFileSync(join(package_, 'package.json'), 'utf8'));
const { values } = parseArgs({ options: { runtime: { type: 'string', multiple: true, default: [] } } });
const tools = createRequire(import.meta.url);
const folder = mkdtempSync(join(tmpdir(), 'posthorn-sdk-'));
const installed = join(folder, 'node_modules', name);
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const tarball = pack('pnpm');
const manifest = readManifest(tarball);
checkPackers();
writeFileSync(join(folder, 'package.json'), '{"private":true}');
run('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], folder);

checkContents();
for (const runtime of [process.execPath, ...values.runtime]) {
  for (const file of ['use.mjs', 'use.cjs']) {
    writeFileSync(join(folder, file), writeUse(file.endsWith('.mjs')));
    run(runtime, basename(runtime) === 'deno' ? ['run', '-A', file] : [file], folder);
  }
  say(`works by import and by require on ${basename(runtime)} ${run(runtime, ['--version'], folder).split('\n')[0]}`);
}
checkEvaluation();
await checkWebOnly();
await checkH3();
checkTypes();
await checkSize('import * as sdk from "@posthorn/sdk"; console.log(sdk);', 'all of it', 12_000);
await checkSize('import { Client } from "@posthorn/sdk"; console.log(Client);', 'the client alone', 7700);
await checkSize('import { Receiver } from "@posthorn/sdk"; console.log(Receiver);', 'the receiver alone', 3000);
await checkPublint();
run(
  process.execPath,
  [join(tools.resolve('@arethetypeswrong/cli/package.json'), '../dist/index.js'), tarball, '--profile', 'strict'],
  folder,
);
say('has the right types for every way to import it (attw)');

/** Packs with one of the package managers; gives the path of the tarball. */
function pack(packer) {
  const destination = join(folder, packer);
  mkdirSync(destination);
  run(packer, ['pack', '--pack-destination', destination], package_);
  return join(destination, readdirSync(destination)[0]);
}

function readManifest(file) {
  return JSON.parse(run('tar', ['-xzOf', file, 'package/package.json'], folder));
}

/** Any tool packs the same files. Only pnpm writes the versions of development dependencies, which are never installed. */
function checkPackers() {
  const theirs = readManifest(pack('npm'));
  theirs.devDependencies = manifest.devDependencies;
  if (!isDeepStrictEqual(manifest, theirs)) fail('npm packs another manifest than pnpm');
  const list = (packer) => {
    const file = join(folder, packer, readdirSync(join(folder, packer))[0]);
    return run('tar', ['-tzf', file], folder).split('\n').toSorted();
  };
  if (!isDeepStrictEqual(list('pnpm'), list('npm'))) fail('npm packs other files than pnpm');
  say('is the same, whether npm or pnpm packs it');
}

/** No other package, no server module, no source. */
function checkContents() {
  if (manifest.dependencies || manifest.peerDependencies) fail('the package depends on others');
  const files = JSON.stringify([manifest.main, manifest.types, manifest.exports, manifest.typesVersions]);
  for (const [, file] of files.matchAll(/"(\.\/[^"]+\.[a-z]+)"/g)) {
    if (!existsSync(join(installed, file))) fail(`the manifest names ${file}, which is not in the package`);
  }
  const dist = readdirSync(join(installed, 'dist'));
  for (const file of dist) {
    const text = readFileSync(join(installed, 'dist', file), 'utf8');
    for (const [, from] of text.matchAll(/(?:^(?:import|export)[^;]*?from |^import |require\()['"]([^'"]+)['"]/gm)) {
      const isOurs =
        from.startsWith('./') && dist.some((other) => `./${other}`.startsWith(from.replace(/\.c?js$/, '')));
      const isStream = from === 'node:stream' && file.startsWith('fastify.');
      if (!isOurs && !isStream) fail(`${file} imports '${from}'`);
    }
  }
  say(`needs no other package (${dist.length} files)`);
}

/** A body and its signature from 2023, under a key (contract S9). */
function readVector() {
  const body = '{"hello":"world"}';
  const claims =
    '{"iss":"Upstash","sub":"https://example.com/hook?x=1","exp":1700000300,"nbf":0,"iat":1700000000,' +
    '"jti":"jwt_example0001","body":"k6I5cakU5erL8KjSUVTNownDwccvu5kU1Hxg88toFYg="}';
  const input = ['{"alg":"HS256","typ":"JWT"}', claims]
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.');
  const signature = `${input}.ojcXabJ48aQ9VY-ZoaGjQZ_O4gJGhUFKUODOMsFKIJY`;
  return { body, signature, key: 'sig_exampleCurrentKey0001', clockTolerance: 1e9 };
}

/** Bundlers evaluate modules for production, without the environment of the application. */
function checkEvaluation() {
  const names = Object.keys(exports).filter((entry) => !['.', './package.json'].includes(entry));
  const program = `
    import { Client, Receiver } from '${name}';
    new Client(); new Client({ devMode: true }); new Client({ timeoutMs: NaN }); new Receiver();
    for (const entry of ${JSON.stringify(names.map((entry) => entry.replace('.', name)))}) {
      for (const [name, wrap] of Object.entries(await import(entry))) {
        if (!name.startsWith('verifySignature')) continue;
        for (const config of [undefined, {}, { clockTolerance: NaN }, { devMode: true }, () => { throw new Error(); }]) {
          if (/(Hono|Express|Koa|Nestjs|Fastify)$/.test(name)) wrap(config);
          else wrap(() => {}, config);
        }
      }
    }`;
  writeFileSync(join(folder, 'evaluate.mjs'), program);
  for (const QSTASH_DEV of ['', 'true', 'maybe']) {
    run(process.execPath, ['evaluate.mjs'], folder, { NODE_ENV: 'production', QSTASH_DEV });
  }
  say('throws nothing while a bundler evaluates modules, whatever the environment');
}

/** h3 2 is here because jest cannot load it. */
async function checkH3() {
  const { H3, readBody } = await import('h3');
  const { verifySignatureH3 } = await import(join(installed, 'dist/h3.js'));
  const { body, signature, key, clockTolerance } = readVector();
  const config = { currentSigningKey: key, nextSigningKey: 'sig_next', clockTolerance };
  const app = new H3().post(
    '/',
    verifySignatureH3(async (event) => ({ got: await readBody(event) }), config),
  );
  const send = (signed) =>
    app.request('/', { method: 'POST', body: signed, headers: { 'Upstash-Signature': signature } });
  const [good, bad] = [await send(body), await send('{}')];
  if ((await good.text()).replace(/\s/g, '') !== `{"got":${body}}`) fail('h3 2 does not hand on what is signed');
  if (bad.status !== 403) fail('h3 2 hands on what is not signed');
  say('works with h3 2');
}

/** In a realm that has nothing of Node.js, as the edge runtimes. */
async function checkWebOnly() {
  const bundle = await rollup({ input: join(installed, 'dist/index.js'), logLevel: 'silent' });
  const { output } = await bundle.generate({ format: 'iife', name: 'sdk' });
  const { key, ...vector } = readVector();
  const names = ['fetch', 'Headers', 'Request', 'Response', 'URL', 'AbortSignal', 'AbortController', 'ReadableStream'];
  const more = ['TextEncoder', 'TextDecoder', 'crypto', 'atob', 'btoa', 'setTimeout', 'clearTimeout', 'console'];
  const web = Object.fromEntries([...names, ...more].map((name) => [name, globalThis[name]]));
  web.fetch = async (url) => new Response(JSON.stringify({ messageId: url.pathname }));
  const program = `${output[0].code}
    const client = new sdk.Client({ token: 't' });
    const receiver = new sdk.Receiver({ currentSigningKey: ${JSON.stringify(key)}, nextSigningKey: 'b' });
    Promise.all([client.publish({ url: 'https://a.example' }), receiver.verify(${JSON.stringify(vector)})]);`;
  const [{ messageId }, isGood] = await runInNewContext(program, web);
  if (messageId !== '/v2/publish/https://a.example' || !isGood) fail('the package does not work with web APIs only');
  say('works with web APIs only');
}

/** A program that loads every entry and uses the main one against a server. */
function writeUse(isModule) {
  const entries = Object.keys(exports).filter((entry) => entry !== './package.json');
  const load = (entry) => {
    const specifier = JSON.stringify(entry.replace('.', name));
    return isModule ? `await import(${specifier})` : `require(${specifier})`;
  };
  const { key, ...vector } = readVector();
  return `
${isModule ? "import assert from 'node:assert'; import { createServer } from 'node:http';" : "const assert = require('node:assert'); const { createServer } = require('node:http');"}
(async () => {
  const sdk = ${load('.')};
  for (const entry of [${entries.map(load).join(', ')}]) assert(Object.keys(entry).length > 0);
  const server = createServer((request, response) => response.end(JSON.stringify({ messageId: request.url })));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = new sdk.Client({ baseUrl: 'http://127.0.0.1:' + server.address().port, token: 't' });
  const { messageId } = await client.publishJSON({ url: 'https://a.example', body: {} });
  assert.equal(messageId, '/v2/publish/https://a.example');
  const controller = new AbortController();
  controller.abort();
  await assert.rejects(client.publish({ url: 'https://a.example' }, { signal: controller.signal }), { name: 'AbortError' });
  server.close();
  const receiver = new sdk.Receiver({ currentSigningKey: ${JSON.stringify(key)}, nextSigningKey: 'b' });
  assert(await receiver.verify(${JSON.stringify(vector)}));
  await assert.rejects(receiver.verify({ signature: 'a.b.c', body: '' }), sdk.SignatureError);
  const { verifySignatureFetch } = ${load('./fetch')};
  const handler = verifySignatureFetch(() => new Response(), { currentSigningKey: 'a', nextSigningKey: 'b' });
  assert.equal((await handler(new Request('http://a.example', { headers: { 'Upstash-Signature': 'a.b.c' } }))).status, 403);
})();
`;
}

/** In a strict project with nothing else installed, by every way in which TypeScript resolves modules. */
function checkTypes() {
  const entries = Object.keys(exports).filter((entry) => !['./package.json', './fastify', '.'].includes(entry));
  const text = `
import { Client, type Message } from '${name}';
${entries.map((entry, index) => `import * as entry${index} from '${entry.replace('.', name)}';`).join('\n')}
export const all: object[] = [${entries.map((_, index) => `entry${index}`).join(', ')}];
export async function read(): Promise<Message> {
  const client = new Client({ timeoutMs: 1000 });
  const { messageId } = await client.publish({ url: 'https://a.example', delay: '5s', label: ['a'] });
  return client.messages.get(messageId);
}
`;
  // Our declarations are checked, those of the compiler itself are not: they take most of the time.
  const checked = { skipLibCheck: false, skipDefaultLibCheck: true };
  const options = { strict: true, exactOptionalPropertyTypes: true, noEmit: true, types: [], ...checked };
  const ways = [
    { file: 'types.mts', module: 'nodenext', moduleResolution: 'nodenext' },
    { file: 'types.cts', module: 'nodenext', moduleResolution: 'nodenext' },
    { file: 'types.ts', module: 'esnext', moduleResolution: 'bundler' },
    { compiler: 'typescript-5.4', file: 'types.mts', module: 'node16', moduleResolution: 'node16' },
    { compiler: 'typescript-5.4', file: 'types.cts', module: 'node16', moduleResolution: 'node16' },
    { compiler: 'typescript-5.4', file: 'types.ts', module: 'esnext', moduleResolution: 'bundler' },
    { compiler: 'typescript-5.4', file: 'types.ts', module: 'commonjs', moduleResolution: 'node10' },
  ];
  for (const { compiler = 'typescript-7', file, ...way } of ways) {
    writeFileSync(join(folder, file), text);
    const compilerOptions = { ...options, ...way, target: 'es2022', lib: ['es2022', 'dom', 'dom.iterable'] };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }));
    run(process.execPath, [join(package_, 'node_modules', compiler, 'lib/tsc.js'), '-p', folder], folder);
  }
  say('compiles in a strict project without any other types, with every resolution and with TypeScript 5.4');
}

/** What a bundler leaves of it, minified and compressed. */
async function checkSize(code, what, limitBytes) {
  const entry = join(folder, 'size.mjs');
  const resolve = (id) => (id === entry ? id : id === name ? join(installed, 'dist/index.js') : null);
  const bundle = await rollup({
    input: entry,
    plugins: [{ name: 'x', resolveId: resolve, load: (id) => (id === entry ? code : null) }],
  });
  const { output } = await bundle.generate({ format: 'es', inlineDynamicImports: true });
  const { code: small } = await minify(output[0].code, { module: true, mangle: true, compress: true });
  const sizeBytes = gzipSync(small, { level: 9 }).length;
  if (sizeBytes > limitBytes) fail(`${what} is ${sizeBytes} bytes, more than ${limitBytes}`);
  say(`${what}: ${sizeBytes} bytes minified and compressed (limit ${limitBytes})`);
}

async function checkPublint() {
  const { messages, pkg } = await publint({ pkgDir: installed, strict: true, pack: false });
  if (messages.length > 0) fail(messages.map((message) => formatMessage(message, pkg)).join('\n'));
  say('is published as it should be (publint)');
}

function run(command, args, cwd, env = process.env) {
  try {
    return execFileSync(command, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    return fail(`${command} ${args.join(' ')}\n${error.stdout ?? ''}${error.stderr ?? error.message}`);
  }
}

function say(text) {
  console.log(`the package ${text}`);
}

function fail(text) {
  console.error(text);
  process.exit(1);
}
