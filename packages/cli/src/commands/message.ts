import type { CancelRequest } from '@posthorn/sdk';
import type { Command } from 'commander';
import { Failure } from '../failure.ts';
import { sessionOptions, type Act } from '../act.ts';
import { columns } from './logs.ts';
import { addDestinationFilters, addFilters, toFilter, type FilterOptions } from '../filters.ts';
import { addMany, checkMany, chunk, type ManyOptions } from '../many.ts';
import { formatCount } from '../output/text.ts';

/** What one call cancels at most. */
const pageSize = 100;

export function addMessage(command: Command, act: Act): void {
  for (const option of sessionOptions) command.addOption(option);
  command.argument('[id]', 'show where this message is and why, and what happened to it').action(
    act(async ({ client, output }, id: string | undefined) => {
      if (id === undefined) throw new Failure('Name a message: posthorn message <id>.', 2);
      const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
      const timeline = await client.messages.timeline(id, { timeZone });
      if (output.isJson) {
        output.fields(timeline);
        return;
      }
      output.done(timeline.where.text);
      output.table(timeline.lines, columns, 'The log has no entries for this message.');
    }),
  );

  command
    .command('get <id>')
    .description('show a message that has not ended, or ended a short time ago')
    .action(
      act(async ({ client, output }, id: string) => {
        output.fields(await client.messages.get(id));
      }),
    );

  const cancel = command.command('cancel [ids...]').description('cancel messages, by ids, by filters, or all');
  addMany(addDestinationFilters(addFilters(cancel))).action(
    act(async ({ client, output }, ids: string[], options: FilterOptions & ManyOptions) => {
      const filter = toFilter(options);
      await checkMany(ids, filter, options, 'Cancel all messages that have not ended?');
      if (ids.length === 1) {
        output.done('Canceled 1 message.', await client.messages.cancel(ids[0] ?? ''));
        return;
      }
      let cancelled = 0;
      for (const messageIds of chunk(ids, pageSize)) cancelled += (await client.messages.cancel(messageIds)).cancelled;
      // There is no cursor: what is canceled no longer matches.
      while (ids.length === 0 && cancelled < options.limit) {
        const count = Math.min(pageSize, options.limit - cancelled);
        const request = (filter ? { filter, count } : { all: true, count }) as CancelRequest;
        const reply = await client.messages.cancel(request);
        cancelled += reply.cancelled;
        if (reply.cancelled < count) break;
      }
      output.done(`Canceled ${formatCount(cancelled, 'message')}.`, { cancelled });
      const missing = ids.length === 0 ? 0 : new Set(ids).size - cancelled;
      if (missing > 0) throw new Failure(`${missing} of them do not exist or have ended.`, 3);
    }),
  );
}
