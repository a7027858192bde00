// `npm run test:compose`: the stack of docker-compose.yml for real, with three dispatchers, one of which is killed.
// NODE_IMAGE, REDIS_IMAGE and BUILD_NETWORK go on to compose; COMPOSE_COMMAND names another compose.
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually, findFreePort } from '@posthorn/testkit';

const run = promisify(execFile);
const token = 'compose-test-token';
const messages = 200;
const total = { passed: 0, failed: 0 };

async function check(name: string, body: () => Promise<unknown>): Promise<void> {
  try {
    await body();
    total.passed++;
    console.log(`ok     ${name}`);
  } catch (error) {
    total.failed++;
    console.log(`FAILED ${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function findCompose(): string[] {
  const named = process.env['COMPOSE_COMMAND'];
  if (named) return named.split(' ');
  for (const command of [['docker', 'compose'], ['docker-compose']]) {
    try {
      execFileSync(command[0] ?? '', [...command.slice(1), 'version'], { stdio: 'ignore' });
      return command;
    } catch {
      // The next one may be there.
    }
  }
  return [];
}

/** A destination inside the stack: answers after a while, and tells which messages have arrived. */
const receiver = `
  const ids = [];
  require('http').createServer((q, s) => {
    if (q.url === '/ids') return s.end(JSON.stringify(ids));
    q.resume().on('end', () => setTimeout(() => { ids.push(q.headers['upstash-message-id']); s.end(); }, 1500));
  }).listen(9000)`;

const compose = findCompose();
const hasEngine = await run('docker', ['info']).then(
  () => true,
  () => false,
);
if (compose.length === 0 || !hasEngine) {
  console.error('npm run test:compose needs a running Docker engine and docker compose (or docker-compose 1.29).');
  process.exit(1);
}

const folder = mkdtempSync(join(tmpdir(), 'posthorn-compose-'));
const [port, receiverPort] = [await findFreePort(), await findFreePort()];
const override = join(folder, 'receiver.json');
writeFileSync(
  override,
  JSON.stringify({
    services: {
      receiver: {
        image: process.env['NODE_IMAGE'] ?? 'node:24-bookworm-slim',
        command: ['node', '-e', receiver.replaceAll('$', '$$$$')],
        ports: [`127.0.0.1:${receiverPort}:9000`],
      },
    },
  }),
);
const env: NodeJS.ProcessEnv = {
  ...process.env,
  POSTHORN_PORT: String(port),
  ALLOW_PRIVATE_DESTINATIONS: 'true',
  DOCKER_BUILDKIT: process.env['DOCKER_BUILDKIT'] ?? '0',
};
const call = async (args: string[], variables: NodeJS.ProcessEnv = { QSTASH_TOKEN: token }) => {
  const files = ['-f', 'docker-compose.yml', '-f', override];
  const all = [...compose.slice(1), '-p', `posthorn-test-${process.pid}`, ...files, ...args];
  return run(compose[0] ?? '', all, { env: { ...env, ...variables }, maxBuffer: 1 << 26 });
};
const get = (url: string) => fetch(url, { signal: AbortSignal.timeout(2000) });
const arrived = async () => (await (await get(`http://127.0.0.1:${receiverPort}/ids`)).json()) as string[];
// Neither the limit of `get` nor a connection that a container does not answer yet keeps the process alive.
setInterval(() => undefined, 1000);
const containers = async (service: string) => (await call(['ps', '-q', service])).stdout.trim().split('\n');

try {
  await check('a missing QSTASH_TOKEN is one clear line', async () => {
    const { stderr } = await call(['config'], { QSTASH_TOKEN: '' }).then(
      () => ({ stderr: 'accepted' }),
      (error: unknown) => error as { stderr: string },
    );
    if (!stderr.includes('set it to the token that publishers must send')) throw new Error(stderr);
  });
  await check('the images are built', () => call(['build', 'api', 'dispatcher']));
  await check('the stack with three dispatchers becomes ready', async () => {
    await call(['up', '-d', '--no-build', '--scale', 'dispatcher=3']);
    await eventually(async () => (await get(`http://127.0.0.1:${port}/ready`)).ok, 60_000);
    await eventually(arrived, 30_000);
    const { length } = await containers('dispatcher');
    if (length !== 3) throw new Error(`${length} dispatchers run`);
  });
  await check('processes are no root and cannot write to their root file system', async () => {
    for (const service of ['api', 'dispatcher']) {
      const [id = ''] = await containers(service);
      const { stdout } = await run('docker', ['exec', id, 'sh', '-c', 'id -u; touch /posthorn/x 2>&1 || true']);
      if (stdout.startsWith('0') || !/read-only/i.test(stdout)) throw new Error(`${service}: ${stdout}`);
    }
  });
  await check(`${messages} messages arrive although one dispatcher is killed on the way`, async () => {
    const published = await Promise.all(
      Array.from({ length: messages }, async () => {
        const response = await fetch(`http://127.0.0.1:${port}/v2/publish/http://receiver:9000/m`, {
          method: 'POST',
          headers: { Authorization: `Bearer ${token}` },
          body: 'x'.repeat(500),
        });
        return ((await response.json()) as { messageId: string }).messageId;
      }),
    );
    const [victim = ''] = await containers('dispatcher');
    await run('docker', ['kill', '-s', 'KILL', victim]);
    await eventually(async () => {
      const ids = new Set(await arrived());
      return published.every((id) => ids.has(id));
    }, 90_000);
    const ids = await arrived();
    console.log(`       ${messages} of ${messages} arrived, ${ids.length - new Set(ids).size} twice`);
  });
} finally {
  await call(['down', '-v', '--remove-orphans', '-t', '5']).catch((error: unknown) => {
    console.error(`The stack could not be removed: ${String(error)}`);
  });
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed > 0 ? 1 : 0);
