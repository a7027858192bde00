// `npm run pack`: packs the SDK and the command line into `packed/`, to be installed elsewhere without a registry.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root, setUp, toolEnvironment } from './setup.mjs';

await setUp();
const folder = join(root, 'packed');
mkdirSync(folder, { recursive: true });
for (const name of ['sdk', 'cli']) {
  execFileSync('pnpm', ['pack', '--pack-destination', folder], {
    cwd: join(root, 'packages', name),
    env: toolEnvironment(),
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
for (const file of readdirSync(folder)) console.log(join('packed', file));
