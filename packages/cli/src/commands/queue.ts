import type { QueueResponse } from '@posthorn/sdk';
import type { Command } from 'commander';
import type { Act } from '../act.ts';
import { createLimit, parseCount } from '../arguments.ts';
import type { Column } from '../output/table.ts';
import { formatDistance } from '../output/time.ts';

export function addQueue(command: Command, act: Act): void {
  command
    .command('list')
    .description('list all queues')
    .addOption(createLimit())
    .action(
      act(async ({ client, output }, { limit }: { limit: number }) => {
        output.table((await client.queue().list()).slice(0, limit), columns, 'no queues');
      }),
    );

  command
    .command('get <name>')
    .description('show a queue')
    .action(
      act(async ({ client, output }, queueName: string) => {
        output.fields(await client.queue({ queueName }).get());
      }),
    );

  command
    .command('set <name>')
    .description('create a queue, or change it')
    .requiredOption(
      '--parallelism <number>',
      'maximum number of messages in progress; 1 keeps them strictly in order',
      parseCount,
    )
    .action(
      act(async ({ client, output }, queueName: string, { parallelism }: { parallelism: number }) => {
        const queue = client.queue({ queueName });
        const { QstashNotFoundError } = await import('@posthorn/sdk');
        // The call sets all there is, and a change of the parallelism must not resume a paused queue.
        const known = await queue.get().catch((error: unknown) => {
          if (error instanceof QstashNotFoundError) return undefined;
          throw error;
        });
        await queue.upsert({ parallelism, paused: known?.paused ?? false });
        output.done(`Set the parallelism of queue ${queueName} to ${parallelism}.`);
      }),
    );

  command
    .command('pause <name>')
    .description('start no further message; new ones are accepted and wait')
    .action(
      act(async ({ client, output }, queueName: string) => {
        await client.queue({ queueName }).pause();
        output.done(`Paused queue ${queueName}.`);
      }),
    );

  command
    .command('resume <name>')
    .description('resume delivery, oldest message first')
    .action(
      act(async ({ client, output }, queueName: string) => {
        await client.queue({ queueName }).resume();
        output.done(`Resumed queue ${queueName}.`);
      }),
    );

  command
    .command('delete <name>')
    .description('remove a queue and cancel its messages')
    .action(
      act(async ({ client, output }, queueName: string) => {
        await client.queue({ queueName }).delete();
        output.done(`Removed queue ${queueName}.`);
      }),
    );
}

const columns: Column<QueueResponse>[] = [
  { title: 'NAME', cell: ({ name }) => name },
  {
    title: 'STATE',
    cell: ({ paused }) => (paused ? 'paused' : 'active'),
    style: ({ paused }) => (paused ? 'yellow' : 'green'),
  },
  { title: 'PARALLELISM', cell: ({ parallelism }) => parallelism },
  { title: 'MESSAGES', cell: ({ lag }) => lag },
  { title: 'CREATED', cell: ({ createdAt }) => formatDistance(createdAt) },
];
