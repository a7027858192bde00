// `npm start`: sets up, then runs all of posthorn until Ctrl-C.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setUp } from './setup.mjs';

setUp();
const program = fileURLToPath(new URL('../apps/local/dist/main.js', import.meta.url));
// Out of the terminal's reach: it is told of a signal here, once, and of the loss of this process by the channel.
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

// The shell between npm and this process passes no signal on: it just dies.
if (process.env.npm_lifecycle_event) {
  const { ppid } = process;
  const timer = setInterval(() => {
    if (process.ppid === ppid) return;
    clearInterval(timer);
    if (stoppedAt === undefined) stop();
  }, 200);
}
