import type { Log, LogsFilter, State } from '@posthorn/sdk';
import { InvalidArgumentError, type Command } from 'commander';
import type { Act } from '../act.ts';
import { parseLimit, take } from '../arguments.ts';
import { addDestinationFilters, addFilters, toFilter, type FilterOptions } from '../filters.ts';
import type { Style } from '../output/paint.ts';
import type { Column } from '../output/table.ts';
import { formatDuration, formatTime } from '../output/time.ts';

interface Options extends FilterOptions {
  message?: string;
  state?: NonNullable<LogsFilter['state']>;
  limit?: number;
  follow?: boolean;
}

/** A type has no values at run time: the compiler checks that none of the SDK's states is missing here. */
const states = Object.keys({
  CREATED: true,
  ACTIVE: true,
  ERROR: true,
  RETRY: true,
  DELIVERED: true,
  FAILED: true,
  CANCEL_REQUESTED: true,
  CANCELED: true,
  IN_PROGRESS: true,
} satisfies Record<State, true>);
const pageSize = 1000;
const defaultLimit = 100;
const followedLimit = 10;

export function addLogs(command: Command, act: Act): void {
  addDestinationFilters(addFilters(command.option('--message <id>', 'of this message')))
    .option('--state <state>', 'entries with this state; IN_PROGRESS is ACTIVE, RETRY or ERROR', parseState)
    .option(
      '--limit <number>',
      `maximum number of entries, the newest; 0 for all (default: ${defaultLimit})`,
      parseLimit,
    )
    .option('-f, --follow', `print new entries until Ctrl-C, after the last ${followedLimit}`)
    .action(
      act(async ({ client, output }, options: Options) => {
        const { message, state, limit, follow: isFollowing } = options;
        const given = {
          ...toFilter(options),
          ...(message === undefined ? {} : { messageId: message }),
          ...(state === undefined ? {} : { state }),
          // Filters go to the server as they are. A person sees no bodies, so they can stay there.
          ...(output.isJson ? {} : { trimBody: 0 }),
        };
        const ended = new AbortController();
        const read = async (fromMs: number, max: number) => {
          const filter = { ...given, ...(fromMs > (options.since ?? 0) ? { fromDate: fromMs } : {}) };
          const request = { filter, count: Math.min(pageSize, max + 1) };
          const { taken, isMore } = await take(client.iterateLogs(request, { signal: ended.signal }), max);
          return { entries: taken.reverse(), isMore };
        };
        if (isFollowing) {
          for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.abort());
          const print = (entries: Log[]) => output.rows(entries, columns);
          const { follow, watchStream } = await import('../follow.ts');
          const { trimBody: _, ...filter } = given as typeof given & { trimBody?: number };
          const open = () => client.followLogs({ filter }, { signal: ended.signal });
          const changed = watchStream(open, ended.signal);
          await follow({
            read,
            print,
            note: output.note,
            limit: limit ?? followedLimit,
            signal: ended.signal,
            changed,
          });
          return;
        }
        const { entries, isMore } = await read(0, limit ?? defaultLimit);
        output.table(entries, columns, 'The log has no such entries.');
        if (isMore && output.isTerminal) output.note('there are older entries; --limit 0 shows all');
      }),
    );
}

function parseState(text: string): string {
  const state = text.toUpperCase();
  if (states.includes(state)) return state;
  throw new InvalidArgumentError(`Use one of ${states.join(', ')}.`);
}

const styles: Partial<Record<Log['state'], Style>> = {
  DELIVERED: 'green',
  ERROR: 'yellow',
  RETRY: 'yellow',
  FAILED: 'red',
  CANCELED: 'red',
};

/** One log entry in a table. */
export const columns: Column<Log>[] = [
  { title: 'TIME', cell: ({ time }) => formatTime(time) },
  { title: 'STATE', cell: formatState, style: ({ state }) => styles[state], minWidth: 'DELIVERED'.length },
  { title: 'MESSAGE', cell: ({ messageId }) => messageId },
  { title: 'URL', cell: ({ url }) => url, isBelow: true },
  { title: 'DETAIL', cell: formatDetail, isBelow: true },
];

/** With the status of the response, which says most. */
function formatState({ state, responseStatus = 0 }: Log): string {
  return state === 'ERROR' && responseStatus > 0 ? `${state} ${responseStatus}` : state;
}

function formatDetail({ error, nextDeliveryTime, time }: Log): string {
  const next = nextDeliveryTime === undefined ? '' : `next attempt after ${formatDuration(nextDeliveryTime - time)}`;
  return [error, next].filter(Boolean).join('; ');
}
