import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Downloads the distribution's packages and unpacks them into a folder. It needs no rights, installs nothing on the
 * system and starts no service; a download that is cut off leaves at most a folder beside the other, named `<folder>.*`.
 */
export async function unpackRedisServer(folder: string, log: (text: string) => void): Promise<void> {
  log(
    `no redis-server found: downloading the packages ${packages.join(' and ')} into ${folder}; the system stays unchanged`,
  );
  await mkdir(dirname(folder), { recursive: true, mode: 0o700 });
  const draft = await mkdtemp(`${folder}.`);
  try {
    const lists = join(draft, 'lists');
    const archives = join(draft, 'archives');
    const root = join(draft, 'root');
    for (const path of [lists, archives]) await mkdir(join(path, 'partial'), { recursive: true });
    const own = [
      `Dir::Cache::Archives=${archives}`,
      'Dir::Cache::pkgcache=',
      'Dir::Cache::srcpkgcache=',
      'Debug::NoLocking=true',
      // As root, apt downloads as a user of its own, who cannot write here.
      'APT::Sandbox::User=root',
    ];
    // The package lists of the system may be missing or old.
    await download(own).catch(async () => {
      const fresh = [...own, `Dir::State::Lists=${lists}`, 'APT::Update::Post-Invoke-Success='];
      await apt(fresh, 'update', '-qq');
      await download(fresh);
    });
    for (const file of await readdir(archives)) {
      if (file.endsWith('.deb')) await run('dpkg-deb', ['-x', join(archives, file), root]);
    }
    // In one step, so that no half of a server is ever found.
    await rm(folder, { recursive: true, force: true });
    await rename(root, folder);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** The server is a link to a program of the tools. */
const packages = ['redis-server', 'redis-tools'];

function download(settings: string[]): Promise<unknown> {
  // What is installed already is needed too when the PATH does not lead to it.
  const quietly = ['-y', '-qq', '--no-install-recommends', '--reinstall', '--download-only'];
  return apt(settings, 'install', ...quietly, ...packages);
}

function apt(settings: string[], ...args: string[]): Promise<unknown> {
  const options = settings.flatMap((setting) => ['-o', setting]);
  const variables = ['DEBIAN_FRONTEND=noninteractive', 'LC_ALL=C'];
  return run('env', [...variables, 'apt-get', ...options, ...args], { maxBuffer: 1 << 26 });
}
