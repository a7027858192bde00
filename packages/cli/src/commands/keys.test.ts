import { Command } from 'commander';
import type { Act, Session } from '../act.ts';
import { addKeys } from './keys.ts';

async function run(args: string[], isTerminal: boolean) {
  const shown: object[] = [];
  const keys = { get: async () => ({ current: 'sig_abc', next: 'sig_def' }) };
  const output = { isTerminal, note: () => undefined, fields: (object: object) => shown.push(object) };
  const session = { client: { keys }, output } as unknown as Session;
  const act = ((work: (...all: unknown[]) => Promise<void>) =>
    (...all: unknown[]) =>
      work(session, ...all)) as unknown as Act;
  const command = new Command('keys');
  addKeys(command, act);
  await command.parseAsync(args, { from: 'user' });
  return shown[0];
}

test('keys are hidden on a terminal unless --show is given, and whole for a program', async () => {
  const whole = { current: 'sig_abc', next: 'sig_def' };
  expect(await run(['get'], true)).toEqual({ current: 'sig_…', next: 'sig_…' });
  expect(await run(['get', '--show'], true)).toEqual(whole);
  expect(await run(['get'], false)).toEqual(whole);
});
