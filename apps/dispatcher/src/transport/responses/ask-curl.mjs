// Writes what curl does with each response of table.json into it: `node ask-curl.mjs`. The result is checked in.
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { promisify } from 'node:util';

const run = promisify(execFile);
const file = new URL('table.json', import.meta.url);
const rows = JSON.parse(readFileSync(file, 'utf8'));
const expand = (wire) =>
  [wire]
    .flat()
    .map((part) => (Array.isArray(part) ? part[0].repeat(part[1]) : part))
    .join('');

/** Gives one response to each connection, as the test does. */
function serve({ wire, then }) {
  const server = createServer((socket) => {
    socket
      .on('error', () => undefined)
      .once('data', () => {
        socket.write(Buffer.from(expand(wire), 'latin1'));
        if (then === 'closes') socket.end();
        if (then === 'resets') setTimeout(() => socket.resetAndDestroy(), 100);
      });
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

/** Status, exit code if it is not 0, and body: `200 "ok"`, `200 exit 18 "short"`. */
async function ask(row) {
  const server = await serve(row);
  const url = `http://127.0.0.1:${server.address().port}/`;
  const args = ['-q', '-s', '-d', 'x', '--max-time', '2', '-w', '\n%{http_code}', url];
  const { stdout, code = 0 } = await run('curl', args, { encoding: 'latin1', maxBuffer: 1e7 }).catch((error) => error);
  server.close();
  const [, body, status] = /^([^]*)\n(\d+)$/.exec(stdout) ?? [];
  return `${Number(status)}${code ? ` exit ${code}` : ''} ${JSON.stringify(body)}`;
}

for (const row of rows) row.curl = await ask(row);
writeFileSync(file, `${JSON.stringify(rows, undefined, 2)}\n`);
process.exit();
