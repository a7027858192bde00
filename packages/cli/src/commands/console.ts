import type { Command } from 'commander';
import type { Act } from '../act.ts';
import { Failure } from '../failure.ts';

const timeoutMs = 10_000;

/** Prints a link that signs in to the console once. */
export function addConsole(command: Command, act: Act): void {
  command.action(
    act(async ({ connection: { url, token }, output }) => {
      const response = await fetch(`${url}/console/code`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(timeoutMs),
      }).catch((error: unknown) => {
        throw new Failure(`${url} does not answer (${(error as Error).message}).`, 4);
      });
      const reply = (await response.json().catch(() => ({}))) as { code?: string; error?: string };
      if (reply.code === undefined) {
        throw new Failure(reply.error ?? `${url} answered ${response.status}.`, response.status === 401 ? 5 : 1);
      }
      const link = `${url}/console/#code=${reply.code}`;
      output.done(link, { url: link });
      if (output.isTerminal) output.note('the link signs in once, within ten minutes');
    }),
  );
}
