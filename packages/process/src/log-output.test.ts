import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogOutput } from './log-output.ts';

const describeDrop = (lines: number) => `dropped ${lines}\n`;
const folder = mkdtempSync(join(tmpdir(), 'posthorn-log-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A pipe whose ends are held by this process, as a stopped reader would hold it. */
function openPipe(name: string) {
  const path = join(folder, name);
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY);
  const read = () => {
    const chunk = Buffer.alloc(2 * 1024 * 1024);
    let text = '';
    for (;;) {
      try {
        const bytes = readSync(reader, chunk);
        if (bytes === 0) return text;
        text += chunk.toString('utf8', 0, bytes);
      } catch {
        return text;
      }
    }
  };
  return { path, reader, writer, read };
}

async function readUntil(read: () => string, wanted: RegExp): Promise<string> {
  let text = '';
  while (!wanted.test(text)) {
    text += read();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return text;
}

test('lines for a file are in it when write returns', () => {
  const path = join(folder, 'file');
  const fd = openSync(path, 'w');
  const output = createLogOutput({ fd, describeDrop });
  output.write('one\n');
  output.write('zwei ä\n');
  expect(readFileSync(path, 'utf8')).toBe('one\nzwei ä\n');
  expect(output.dropped()).toBe(0);
  closeSync(fd);
});

test('a device without room takes nothing: every line is counted, the report of them is not', () => {
  const fd = openSync('/dev/full', 'w');
  const output = createLogOutput({ fd, describeDrop });
  for (let n = 0; n < 1000; n++) output.write(`${n}\n`);
  expect(output.dropped()).toBe(1000);
  closeSync(fd);
});

test('a descriptor that was closed takes nothing either', () => {
  const fd = openSync(join(folder, 'closed'), 'w');
  const output = createLogOutput({ fd, describeDrop });
  closeSync(fd);
  output.write('one\n');
  expect(output.dropped()).toBe(1);
});

test('a reader that stopped: lines wait up to 1 MiB, then they are dropped; when it reads again it learns how many', async () => {
  const pipe = openPipe('stopped');
  const output = createLogOutput({ fd: pipe.writer, describeDrop });
  const line = `${'x'.repeat(999)}\n`;
  const count = 5000;
  for (let n = 0; n < count; n++) output.write(line);
  expect(output.dropped()).toBeGreaterThan(3000);
  const text = await readUntil(pipe.read, /dropped \d+\n/);
  const complete = text.split('\n').filter((one) => one === 'x'.repeat(999));
  expect(complete).toHaveLength(count - output.dropped());
  expect(text.endsWith(`dropped ${output.dropped()}\n`)).toBe(true);
  output.write('later\n');
  expect(pipe.read()).toBe('later\n');
});

test('a pipe without a reader takes nothing; a new reader gets the report by itself, then every line', async () => {
  const pipe = openPipe('broken');
  const output = createLogOutput({ fd: pipe.writer, describeDrop });
  closeSync(pipe.reader);
  output.write('one\n');
  output.write('two\n');
  expect(output.dropped()).toBe(2);
  const reader = spawn('cat', [pipe.path], { stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  reader.stdout.on('data', (data: Buffer) => (text += data.toString()));
  await readUntil(() => text, /dropped 2\n/);
  output.write('three\n');
  await readUntil(() => text, /three\n/);
  expect(text).toBe('dropped 2\nthree\n');
  closeSync(pipe.writer);
  reader.kill('SIGKILL');
  await once(reader, 'exit');
});
