import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findFreePort } from '@posthorn/testkit';

const execute = promisify(execFile);
export const root = new URL('../../../../', import.meta.url).pathname;
/** The services of docker-compose.yml. */
export const services = ['redis', 'api', 'dispatcher'];
export const token = 'compose-test-token';

/** The stack of docker-compose.yml under a name and on ports of its own, with a receiver beside it. */
export interface Stack {
  apiUrl: string;
  receiverUrl: string;
  /** Runs a command of compose and gives its standard output. */
  compose(args: string[], variables?: Record<string, string>): Promise<string>;
  /** The ids of the containers of a service. */
  containers(service: string): Promise<string[]>;
  /** Removes containers, networks, volumes and images. */
  remove(): Promise<void>;
}

/** @throws {Error} one sentence that says what this machine lacks */
export async function createStack(): Promise<Stack> {
  const [command = '', ...prefix] = await findCompose();
  await pullBaseImages();

  const project = `posthorn-test-${process.pid}`;
  const [apiPort, receiverPort] = [await findFreePort(), await findFreePort()];
  const folder = mkdtempSync(join(tmpdir(), `${project}-`));
  const override = join(folder, 'receiver.json');
  writeFileSync(override, JSON.stringify({ services: { receiver: describeReceiver(receiverPort) } }));
  const files = ['-f', join(root, 'docker-compose.yml'), '-f', override, '--project-directory', root];
  const environment = {
    ...process.env,
    QSTASH_TOKEN: token,
    POSTHORN_BIND: '127.0.0.1',
    POSTHORN_PORT: String(apiPort),
    ALLOW_PRIVATE_DESTINATIONS: 'true',
  };

  const compose: Stack['compose'] = (args, variables = {}) =>
    run(command, [...prefix, '-p', project, ...files, ...args], { ...environment, ...variables });
  return {
    apiUrl: `http://127.0.0.1:${apiPort}`,
    receiverUrl: `http://127.0.0.1:${receiverPort}`,
    compose,
    async containers(service) {
      const labels = { project, service };
      const filters = Object.entries(labels).map(
        ([name, value]) => `--filter=label=com.docker.compose.${name}=${value}`,
      );
      return (await docker('ps', '--all', '--quiet', ...filters)).split('\n').filter(Boolean);
    },
    async remove() {
      await compose(['down', '--volumes', '--remove-orphans', '--rmi', 'local', '--timeout', '5']);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Runs a command of docker and gives its standard output. */
export function docker(...args: string[]): Promise<string> {
  return run('docker', args);
}

/** The plugin of docker, else the program of its own; COMPOSE_COMMAND names another one. */
async function findCompose(): Promise<string[]> {
  await docker('info').catch(() => {
    throw new Error('No Docker engine answers `docker info`; start one, or set DOCKER_HOST to one.');
  });
  const named = process.env['COMPOSE_COMMAND'];
  for (const command of named ? [named] : ['docker compose', 'docker-compose']) {
    const [program = '', ...args] = command.split(' ');
    const isThere = await execute(program, [...args, 'version']).then(
      () => true,
      () => false,
    );
    if (isThere) return [program, ...args];
  }
  throw new Error(`${named ?? 'docker compose'} is missing; install it, or name one with COMPOSE_COMMAND.`);
}

async function pullBaseImages(): Promise<void> {
  for (const variable of ['NODE_IMAGE', 'REDIS_IMAGE'] as const) {
    const image = findBaseImage(variable);
    await docker('image', 'inspect', image)
      .catch(() => docker('pull', '--quiet', image))
      .catch(() => {
        throw new Error(`The base image ${image} cannot be pulled here; name one that is there with ${variable}.`);
      });
  }
}

function findBaseImage(variable: 'NODE_IMAGE' | 'REDIS_IMAGE'): string {
  const text = readFileSync(join(root, 'docker-compose.yml'), 'utf8');
  return process.env[variable] || (new RegExp(`${variable}:-([^}]+)`).exec(text)?.[1] ?? '');
}

function describeReceiver(port: number) {
  const program = readFileSync(new URL('receiver.js', import.meta.url), 'utf8');
  return {
    image: findBaseImage('NODE_IMAGE'),
    // Compose reads a dollar as the beginning of a variable, and two as one dollar.
    command: ['node', '--input-type=module', '-e', program.replaceAll('$', '$$$$')],
    init: true,
    ports: [`127.0.0.1:${port}:9000`],
  };
}

async function run(command: string, args: string[], env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const { stdout } = await execute(command, args, { env, maxBuffer: 1 << 26 });
  return stdout;
}
