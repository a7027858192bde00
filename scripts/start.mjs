// `npm start`: sets up, then runs all of posthorn until Ctrl-C.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadEnvFile } from 'node:process';
import { root, setUp } from './setup.mjs';

// A variable that is set in the environment wins over the file.
if (existsSync(join(root, '.env'))) loadEnvFile(join(root, '.env'));
await setUp('run');

const program = join(root, 'apps/local/dist/main.js');
// Out of the terminal's reach: it gets each signal from here, once, and the loss of this process by the channel.
const child = spawn(process.execPath, [program], { detached: true, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
child.on('exit', (code) => process.exit(code ?? 1));

let stoppedAt;
const stop = () => {
  stoppedAt = performance.now();
  child.kill('SIGTERM');
};
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    // npm passes on what the terminal has sent to this process as well; a person who presses twice is slower.
    if (stoppedAt === undefined || performance.now() - stoppedAt > 300) stop();
  });
}

// npm passes SIGINT and SIGTERM on, but dies of SIGHUP and SIGKILL without a word.
if (process.env.npm_lifecycle_event) {
  const { ppid } = process;
  const timer = setInterval(() => {
    if (process.ppid === ppid) return;
    clearInterval(timer);
    if (stoppedAt === undefined) stop();
  }, 200);
}
