// One step of the set-up: a command whose output is shown only when it fails.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { explainFailure } from './explain-failure.mjs';

const noticeMs = 10_000;
const keptLines = 40;

/** Progress and errors. Standard output belongs to the program that is started afterwards. */
export function say(text) {
  process.stderr.write(`posthorn: ${text}\n`);
}

/**
 * Runs a command and shows its progress: one line that changes on a terminal, else a line every ten seconds. Ends the
 * process with the cause, as one sentence where it is known, when the command fails.
 *
 * @param progress what a line of the output says about the progress, if anything
 */
export async function runStep({ doing, done, failed, command, args, cwd, env, progress }) {
  const startedAt = performance.now();
  const seconds = () => `${Math.round((performance.now() - startedAt) / 1000)} s`;
  const { isTTY } = process.stderr;
  const lines = [];
  let state = '';
  const show = () => {
    const text = `${doing}${state && `, ${state}`} (${seconds()})`;
    if (isTTY) process.stderr.write(`\r\x1b[Kposthorn: ${text}`);
    else say(text);
  };
  if (!isTTY) say(doing);
  const timer = setInterval(show, isTTY ? 200 : noticeMs);

  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      state = progress?.(line) ?? state;
      lines.push(line);
      lines.splice(0, lines.length - keptLines);
    });
  }
  const status = await new Promise((resolve) => {
    child.on('error', (error) => {
      lines.push(error.message);
      resolve(1);
    });
    child.on('close', resolve);
  });
  clearInterval(timer);
  if (isTTY) process.stderr.write('\r\x1b[K');
  if (status === 0) {
    say(`${done} in ${seconds()}`);
    return;
  }
  const cause = explainFailure(lines.join('\n'));
  process.stderr.write(cause ? `${failed}: ${cause}\n` : `${lines.join('\n')}\n${failed}; see the lines above.\n`);
  process.exit(1);
}
