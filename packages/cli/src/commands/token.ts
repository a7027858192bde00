import type { Command } from 'commander';
import type { Act } from '../act.ts';

export function addToken(command: Command, act: Act): void {
  command.action(
    act(({ connection: { url, token }, output }) => {
      output.done(token, { url, token });
    }),
  );
}
