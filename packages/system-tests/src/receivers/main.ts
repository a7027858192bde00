// `npm run test:receivers`: the receivers of `examples/receivers`, each in its language, against genuine deliveries,
// forgeries, and a message that a running posthorn delivers.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { eventually, findFreePort, startSystem, type TestSystem } from '@posthorn/testkit';
import { deliveries, keys } from './deliveries.ts';
import { languages, type Language } from './languages.ts';

const total = { passed: 0, failed: 0, skipped: 0 };
const system = await startSystem({
  api: { QSTASH_CURRENT_SIGNING_KEY: keys.current, QSTASH_NEXT_SIGNING_KEY: keys.next },
});
try {
  for (const language of languages) await check(language, system);
} finally {
  await system.stop();
}
console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`);
process.exitCode = total.failed > 0 ? 1 : 0;

async function check(language: Language, { api }: TestSystem): Promise<void> {
  const missing = language.needs.filter(({ command }) => spawnSync('which', [command]).status !== 0);
  if (missing.length > 0) {
    total.skipped += 1;
    console.log(`${language.name}: not run; install ${missing.map((need) => need.package).join(' ')}`);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-receiver-'));
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}/hook`;
  cpSync(join('examples/receivers', language.file), join(folder, basename(language.file)));
  const environment = {
    ...process.env,
    HOME: folder,
    GOCACHE: join(folder, 'cache'),
    PORT: String(port),
    RECEIVER_URL: url,
    QSTASH_CURRENT_SIGNING_KEY: keys.current,
    QSTASH_NEXT_SIGNING_KEY: keys.next,
  };
  if (language.build) run(language.build, folder, environment);
  const [command = '', ...args] = language.start.map((part) => part.replace('{port}', String(port)));
  const start = (env: NodeJS.ProcessEnv) =>
    spawn(command, args, { cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe'] });
  let receiver = start(environment);
  try {
    await eventually(() => isListening(port));
    const wrong: string[] = [];
    const cases = deliveries(url);
    for (const { name, body, token, expected } of cases) {
      const status = await post(url, body, token);
      // A server that does not read a body to its end may close the connection before its response has arrived.
      const isRefused = expected === 413 && status === 0;
      if (status !== expected && !isRefused) wrong.push(`${name}: ${status} in place of ${expected}`);
    }
    const messageId = await api.publish(url, { headers: { 'Upstash-Retries': '0' }, body: '{"from":"posthorn"}' });
    const ended = await eventually(async () =>
      (await api.states(messageId)).find((state) => ['DELIVERED', 'FAILED'].includes(state)),
    );
    if (ended !== 'DELIVERED') wrong.push(`a delivery of posthorn: ${ended}`);
    await end(receiver);
    receiver = start({ ...environment, QSTASH_NEXT_SIGNING_KEY: '' });
    await eventually(async () => receiver.exitCode !== null || (await isListening(port)));
    // It may have refused to start.
    const forgery = receiver.exitCode === null ? cases.find(({ name }) => name === 'an empty key') : undefined;
    const status = forgery ? await post(url, forgery.body, forgery.token) : 403;
    if (status !== 403) wrong.push(`a signature with the empty QSTASH_NEXT_SIGNING_KEY: ${status} in place of 403`);
    const count = cases.length + 2;
    total.passed += count - wrong.length;
    total.failed += wrong.length;
    const [version = ''] = run(language.version, folder, environment).trim().split('\n');
    console.log(`${language.name} (${version}): ${count - wrong.length} of ${count}`);
    for (const line of wrong) console.log(`  ${line}`);
  } finally {
    receiver.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

async function end(child: ChildProcess): Promise<void> {
  const hasEnded = once(child, 'exit');
  child.kill('SIGKILL');
  await hasEnded;
}

function run([command, ...args]: [string, ...string[]], cwd: string, env: NodeJS.ProcessEnv): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? stderr}`);
  return stdout || stderr;
}

/** The status of the response; 0 when the connection ends without one. */
function post(url: string, body: Buffer, token: string | undefined): Promise<number> {
  return new Promise((resolve) => {
    const headers = { 'Content-Length': body.length, ...(token === undefined ? {} : { 'Upstash-Signature': token }) };
    const sent = request(url, { method: 'POST', headers, agent: false });
    sent.on('response', (response) => {
      resolve(response.statusCode ?? 0);
      response.resume();
    });
    sent.on('error', () => resolve(0));
    sent.end(body);
  });
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}
