import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { areConfined, publishOnlyApi, storeSafely } from './confinement.ts';
import { call } from './http.ts';
import { root, type Stack } from './stack.ts';
import { isReady, surviveDown, surviveKill } from './survival.ts';

/** A claim about the stack; `run` throws when it is wrong. The claims build on each other, in this order. */
export interface Check {
  name: string;
  /** Without this one the others mean nothing. */
  isNeeded?: boolean;
  run(stack: Stack): Promise<unknown>;
}

export const checks: Check[] = [
  { name: 'a missing QSTASH_TOKEN is one clear line', run: refuseWithoutToken },
  { name: 'every setting of the processes can be set from outside', run: passSettings },
  { name: 'the image builds', isNeeded: true, run: ({ compose }) => compose(['build']) },
  { name: 'the stack becomes ready and healthy with three dispatchers', isNeeded: true, run: isReady },
  { name: 'no container has root, capabilities or a root file system to write to', run: areConfined },
  { name: 'only the API is published', run: publishOnlyApi },
  { name: 'Redis puts every write on disk and evicts nothing', run: storeSafely },
  { name: 'the console is served, with the policy that confines it', run: serveConsole },
  { name: 'every message is delivered although a dispatcher is killed on the way', run: surviveKill },
  { name: 'a stop ends every process with status 0, and messages outlive down and up', run: surviveDown },
];

async function serveConsole({ apiUrl }: Stack): Promise<void> {
  const response = await call(`${apiUrl}/console/`);
  const text = await response.text();
  const [script = ''] = /\/console\/assets\/main-[\w-]+\.js/.exec(text) ?? [];
  const policy = response.headers.get('content-security-policy') ?? '';
  if (!response.ok || !policy.startsWith("default-src 'none'"))
    throw new Error(`${response.status}: ${policy} ${text}`);
  if (!(await call(apiUrl + script)).ok) throw new Error(`${script} is not served`);
}

async function refuseWithoutToken({ compose }: Stack): Promise<void> {
  // Set to nothing, not unset: a file named .env would fill in what is unset.
  const text = await compose(['up', '--detach'], { QSTASH_TOKEN: '' }).then(
    () => 'it was accepted',
    (error: unknown) => (error as { stderr: string }).stderr.trim(),
  );
  if (!/^.*QSTASH_TOKEN.*: set it to the token that publishers must send$/.test(text)) throw new Error(text);
}

/** `docker-compose.env` is written by hand; the tables of the processes say what belongs in it. */
async function passSettings(): Promise<void> {
  const passed: string[] = readFileSync(join(root, 'docker-compose.env'), 'utf8').match(/^[A-Z_]+/gm) ?? [];
  // docker-compose.yml and the image decide these.
  const decided = ['NODE_ENV', 'QSTASH_TOKEN', 'HOST', 'PORT', 'PROBE_HOST', 'PROBE_PORT'];
  const missing = new Set<string>();
  for (const app of ['api', 'dispatcher']) {
    const { table } = (await import(join(root, `apps/${app}/dist/config.js`))) as { table: object };
    for (const name of Object.keys(table)) if (![...passed, ...decided].includes(name)) missing.add(name);
  }
  if (missing.size > 0) throw new Error(`docker-compose.env lacks ${[...missing].join(', ')}`);
}
