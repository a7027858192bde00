import { createRequire } from 'node:module';
import { skipUnused } from './skip-unused.ts';

const load = createRequire(__filename);

function readScript(file: string): string {
  const [script] = Object.values(load(`bullmq/dist/cjs/scripts/${file}.js`) as Record<string, { content: string }>);
  return script?.content ?? '';
}

const moveToFinished = readScript('moveToFinished-14');

test('the end of a job asks nothing about flows, priorities and events, and removes one key', () => {
  const lua = skipUnused('moveToFinished', moveToFinished);
  for (const unused of [
    '"HGET", metaKey, "opts.maxLenEvents"',
    '"ZPOPMIN"',
    '"ats"',
    'processedOn", ',
    ':unsuccessful")',
  ]) {
    expect(moveToFinished).toContain(unused);
    expect(lua).not.toContain(unused);
  }
  expect(lua).toContain('return rcall("DEL", jobKey)\n');
});

test('a script that is not for each message stays as it is', () => {
  const lua = readScript('retryJob-11');
  expect(skipUnused('retryJob', lua)).toBe(lua);
});

test.each([
  ['is written in another way', moveToFinished.replace('"ats", 1', '"ats", 2')],
  ['is there twice', moveToFinished + moveToFinished],
])('a script in which what is skipped %s is refused', (_, changed) => {
  expect(changed).not.toBe(moveToFinished);
  expect(() => skipUnused('moveToFinished', changed)).toThrow(/BullMQ's script moveToFinished does not contain this/);
});
