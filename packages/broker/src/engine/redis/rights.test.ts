import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { neededCommands } from './rights.ts';
import { scriptDefinitions, withoutEvents } from './scripts/scripts.ts';

const load = createRequire(__filename);

/** Those scripts of BullMQ that a worker and a queue of posthorn run. */
const scriptsOfBullmq = [
  'addDelayedJob-6',
  'addStandardJob-9',
  'extendLock-2',
  'extendLocks-1',
  'moveJobFromActiveToWait-9',
  'moveStalledJobsToWait-9',
  'moveToActive-11',
  'moveToDelayed-11',
  'moveToFinished-14',
  'promote-9',
];

const readCalls = (lua: string) =>
  [...lua.matchAll(/(?:rcall|redis\.p?call)\(\s*["']([A-Za-z]+)/g)].map(([, name = '']) => name.toLowerCase());

test.each(scriptsOfBullmq)('the commands of the script %s of BullMQ are asked for at the start', (name) => {
  const [{ content }] = Object.values(
    load(`bullmq/dist/cjs/scripts/${name}.js`) as Record<string, { content: string }>,
  ) as [{ content: string }];
  const calls = readCalls(withoutEvents(content));
  expect(calls.length).toBeGreaterThan(0);
  expect(calls.filter((call) => !neededCommands.includes(call))).toEqual([]);
});

test.each(Object.entries(scriptDefinitions))(
  'the commands of our script %s are asked for at the start',
  (_, { lua }) => {
    expect(readCalls(lua).filter((call) => !neededCommands.includes(call))).toEqual([]);
  },
);

/** What is no command of Redis, or is used without need. */
const others = ['call', 'config', 'client', 'disconnect', 'duplicate', 'off', 'on', 'once', 'pipeline', 'emit'];

test('the commands that the code sends itself are asked for at the start', () => {
  const root = join(__dirname, '..');
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !/\.(test|fixture)\.ts$/.test(file),
  );
  const calls = files.flatMap((file) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/\b(?:redis|subscriber)\.([a-z]+?)(?:Buffer)?\(/g)].map(
      ([, name = '']) => name,
    ),
  );
  expect(calls.length).toBeGreaterThan(50);
  const known = [...neededCommands, ...others, ...Object.keys(scriptDefinitions)];
  expect([...new Set(calls)].filter((call) => !known.includes(call))).toEqual([]);
});
