import type { DlqBulkRequest, DlqFilter, DlqMessage } from '@posthorn/sdk';
import type { Command } from 'commander';
import type { Act } from '../act.ts';
import { collectCount, parseLimit, take } from '../arguments.ts';
import { Failure } from '../failure.ts';
import { addFilters, toFilter, type FilterOptions } from '../filters.ts';
import { addMany, checkMany, chunk, type ManyOptions } from '../many.ts';
import type { Column } from '../output/table.ts';
import { formatCount } from '../output/text.ts';
import { formatDistance } from '../output/time.ts';

interface Options extends FilterOptions {
  message?: string;
  status?: number[];
}

/** What one call looks at most. */
const pageSize = 100;

export function addDlq(command: Command, act: Act): void {
  addDlqFilters(command.command('list').description('list failed messages, the oldest first'))
    .option('--limit <number>', 'maximum number; 0 for all', parseLimit, pageSize)
    .action(
      act(async ({ client, output }, options: Options & { limit: number }) => {
        const { limit } = options;
        const filter = toDlqFilter(options);
        const request = { ...(filter ? { filter } : {}), count: Math.min(pageSize, limit) };
        const { taken, isMore } = await take(client.dlq.iterateMessages(request), limit);
        output.table(taken, columns, 'no messages in the dead letter queue match');
        if (isMore && output.isTerminal) output.note('there are more; --limit 0 shows all');
      }),
    );

  command
    .command('get <id>')
    .description('show a failed message, with the last response of its destination')
    .action(
      act(async ({ client, output }, id: string) => {
        output.fields(await client.dlq.get(id));
      }),
    );

  const retry = command
    .command('retry [ids...]')
    .description('publish failed messages again, by ids, by filters, or all');
  addMany(addDlqFilters(retry)).action(
    act(async ({ client, output }, ids: string[], options: Options & ManyOptions) => {
      const filter = toDlqFilter(options);
      await checkMany(ids, filter, options, 'Publish all failed messages again?');
      const responses: { messageId: string }[] = [];
      // What fails again meanwhile would be found again, and so on for ever.
      const until = { toDate: Date.now(), ...filter };
      await callInPages(ids, until, options.limit, async (request) => {
        const reply = await client.dlq.retry(request);
        responses.push(...reply.responses);
        return { count: reply.responses.length, cursor: reply.cursor };
      });
      output.done(`Retried ${formatCount(responses.length, 'message')}.`, { responses });
    }),
  );

  const remove = command.command('delete [ids...]').description('remove failed messages, by ids, by filters, or all');
  addMany(addDlqFilters(remove)).action(
    act(async ({ client, output }, ids: string[], options: Options & ManyOptions) => {
      const filter = toDlqFilter(options);
      await checkMany(ids, filter, options, 'Remove all failed messages for good?');
      let deleted = 0;
      await callInPages(ids, filter, options.limit, async (request) => {
        const reply = await client.dlq.delete(request);
        deleted += reply.deleted;
        return { count: reply.deleted, cursor: reply.cursor };
      });
      output.done(`Removed ${formatCount(deleted, 'dead letter')}.`, { deleted });
      const missing = ids.length === 0 ? 0 : new Set(ids).size - deleted;
      if (missing > 0) throw new Failure(`${missing} of them do not exist.`, 3);
    }),
  );
}

const columns: Column<DlqMessage>[] = [
  { title: 'ID', cell: ({ dlqId }) => dlqId },
  { title: 'MESSAGE', cell: ({ messageId }) => messageId },
  { title: 'PUBLISHED', cell: ({ createdAt }) => formatDistance(createdAt) },
  {
    title: 'RESPONSE',
    // Without a response, the kind of error.
    cell: ({ responseStatus = 0, errorKind = 'none' }) => (responseStatus === 0 ? errorKind : responseStatus),
    style: () => 'red',
  },
  { title: 'REASON', cell: ({ error }) => error, isBelow: true },
  { title: 'LABELS', cell: ({ labels }) => labels?.join(', '), isBelow: true },
  { title: 'URL', cell: ({ url }) => url, isBelow: true },
];

function addDlqFilters(command: Command): Command {
  return addFilters(command)
    .option('--message <id>', 'of this message')
    .option('--status <status>', 'last answered with this status; 0 for no response', collectCount);
}

function toDlqFilter(options: Options): DlqFilter | undefined {
  const { message, status } = options;
  const filter = {
    ...toFilter(options),
    ...(message === undefined ? {} : { messageId: message }),
    ...(status === undefined ? {} : { responseStatus: status }),
  };
  return Object.keys(filter).length > 0 ? filter : undefined;
}

/** Calls for these ids, or page by page for what matches. */
async function callInPages(
  ids: string[],
  filter: DlqFilter | undefined,
  limit: number,
  call: (request: DlqBulkRequest) => Promise<{ count: number; cursor: string | undefined }>,
): Promise<void> {
  for (const dlqIds of chunk(ids, pageSize)) await call({ dlqIds });
  if (ids.length > 0) return;
  let left = limit;
  let cursor: string | undefined;
  do {
    const page = { count: Math.min(pageSize, left), ...(cursor === undefined ? {} : { cursor }) };
    const reply = await call((filter ? { filter, ...page } : { all: true, ...page }) as DlqBulkRequest);
    left -= reply.count;
    cursor = reply.cursor;
  } while (cursor !== undefined && left > 0);
}
