import type { CreateScheduleRequest, Schedule } from '@posthorn/sdk';
import type { Command } from 'commander';
import type { Act } from '../act.ts';
import { parseHeaderText, parseLimit } from '../arguments.ts';
import { addBody, readBody, type BodyOptions } from '../body.ts';
import { addMessageOptions, readMessageOptions, type MessageOptionValues } from '../message-options.ts';
import type { Column } from '../output/table.ts';
import { formatDistance } from '../output/time.ts';

interface Options extends MessageOptionValues, BodyOptions {
  cron: string;
  id?: string;
}

export function addSchedule(command: Command, act: Act): void {
  const create = command
    .command('create <destination>')
    .description('publish to a URL or a topic again and again; the id of another schedule replaces that')
    .requiredOption(
      '--cron <expression>',
      "five fields, such as '0 9 * * 1-5', in UTC; 'CRON_TZ=Europe/Paris 0 9 * * *'",
    )
    .option('--id <id>', 'id of the schedule; made up by the server by default', parseHeaderText);
  addMessageOptions(addBody(create)).action(
    act(async ({ client, output }, destination: string, options: Options) => {
      const { body, bodyFile, cron, id, ...messageOptions } = options;
      const content = await readBody({ body, bodyFile }, output.note);
      const request = {
        ...readMessageOptions(messageOptions),
        destination,
        cron,
        ...(content === undefined ? {} : { body: content }),
        ...(id === undefined ? {} : { scheduleId: id }),
        ...(messageOptions.queue === undefined ? {} : { queueName: messageOptions.queue }),
      } as CreateScheduleRequest;
      const reply = await client.schedules.create(request);
      output.done(reply.scheduleId, reply);
    }),
  );

  command
    .command('list')
    .description('list all schedules')
    .option('--limit <number>', 'maximum number; 0 for all', parseLimit, Infinity)
    .action(
      act(async ({ client, output }, { limit }: { limit: number }) => {
        output.table((await client.schedules.list()).slice(0, limit), columns, 'no schedules');
      }),
    );

  command
    .command('get <id>')
    .description('show a schedule')
    .action(
      act(async ({ client, output }, id: string) => {
        output.fields(await client.schedules.get(id));
      }),
    );

  command
    .command('pause <id>')
    .description('publish nothing until it is resumed; what falls into that time is not made up')
    .action(
      act(async ({ client, output }, id: string) => {
        await client.schedules.pause({ schedule: id });
        output.done(`Paused schedule ${id}.`);
      }),
    );

  command
    .command('resume <id>')
    .description('publish again')
    .action(
      act(async ({ client, output }, id: string) => {
        await client.schedules.resume({ schedule: id });
        output.done(`Resumed schedule ${id}.`);
      }),
    );

  command
    .command('delete <id>')
    .description('remove a schedule; messages that are on their way are left alone')
    .action(
      act(async ({ client, output }, id: string) => {
        await client.schedules.delete(id);
        output.done(`Removed schedule ${id}.`);
      }),
    );
}

const columns: Column<Schedule>[] = [
  { title: 'ID', cell: ({ scheduleId }) => scheduleId },
  { title: 'CRON', cell: ({ cron }) => cron },
  {
    title: 'STATE',
    cell: ({ isPaused, error }) => (isPaused ? 'paused' : error ? 'failing' : 'active'),
    style: ({ isPaused, error }) => (isPaused ? 'yellow' : error ? 'red' : 'green'),
  },
  { title: 'NEXT', cell: ({ nextScheduleTime: next }) => (next === undefined ? 'never' : formatDistance(next)) },
  { title: 'LAST', cell: ({ lastScheduleTime: last }) => (last === undefined ? 'never' : formatDistance(last)) },
  { title: 'DESTINATION', cell: ({ destination }) => destination, isBelow: true },
];
