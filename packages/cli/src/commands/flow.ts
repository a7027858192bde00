import type { FlowControlInfo } from '@posthorn/sdk';
import type { Command } from 'commander';
import type { Act } from '../act.ts';
import { createLimit, parseCount } from '../arguments.ts';
import { Failure } from '../failure.ts';
import type { Column } from '../output/table.ts';
import { formatDuration } from '../output/time.ts';

export function addFlow(command: Command, act: Act): void {
  command
    .command('list')
    .description('list flow-control keys')
    .option('--search <text>', 'with this in their name')
    .addOption(createLimit())
    .action(
      act(async ({ client, output }, { search, limit }: { search?: string; limit: number }) => {
        const keys = await client.flowControl.list(search === undefined ? {} : { search });
        output.table(keys.slice(0, limit), columns, 'no flow-control keys');
      }),
    );

  command
    .command('get <key>')
    .description('show a key: its limits and what is in progress')
    .action(
      act(async ({ client, output }, key: string) => {
        output.fields(await client.flowControl.get(key));
      }),
    );

  command
    .command('pause <key>')
    .description('start no further attempt with this key')
    .action(
      act(async ({ client, output }, key: string) => {
        await client.flowControl.pause(key);
        output.done(`Paused flow-control key ${key}.`);
      }),
    );

  command
    .command('resume <key>')
    .description('resume delivery for this key')
    .action(
      act(async ({ client, output }, key: string) => {
        await client.flowControl.resume(key);
        output.done(`Resumed flow-control key ${key}.`);
      }),
    );

  command
    .command('pin <key>')
    .description('fix limits, whatever messages say')
    .option('--parallelism <number>', 'maximum number of attempts in flight', parseCount)
    .option('--rate <number>', 'maximum number of attempts that start per period', parseCount)
    .option('--period <seconds>', 'length of the period in seconds; only with --rate', parseCount)
    .action(
      act(async ({ client, output }, key: string, limits: { parallelism?: number; rate?: number; period?: number }) => {
        const { parallelism, rate } = limits;
        if (parallelism === undefined && rate === undefined) throw new Failure('Give --parallelism or --rate.', 2);
        await client.flowControl.pin(key, limits);
        output.done(`Pinned flow-control key ${key}.`);
      }),
    );

  command
    .command('unpin <key>')
    .description('let messages decide again, about both limits unless one is named')
    .option('--parallelism', 'the parallelism')
    .option('--rate', 'the rate')
    .action(
      act(async ({ client, output }, key: string, named: { parallelism?: boolean; rate?: boolean }) => {
        const isNamed = named.parallelism ?? named.rate ?? false;
        const { parallelism, rate } = isNamed ? named : { parallelism: true, rate: true };
        await client.flowControl.unpin(key, { parallelism: parallelism ?? false, rate: rate ?? false });
        output.done(`Unpinned flow-control key ${key}.`);
      }),
    );

  command
    .command('reset <key>')
    .description('begin a new rate period now')
    .action(
      act(async ({ client, output }, key: string) => {
        await client.flowControl.resetRate(key);
        output.done(`Began a new rate period for flow-control key ${key}.`);
      }),
    );
}

const columns: Column<FlowControlInfo>[] = [
  { title: 'KEY', cell: ({ flowControlKey }) => flowControlKey },
  {
    title: 'STATE',
    cell: ({ isPaused }) => (isPaused ? 'paused' : 'active'),
    style: ({ isPaused }) => (isPaused ? 'yellow' : 'green'),
  },
  { title: 'WAITING', cell: ({ waitListSize }) => waitListSize },
  { title: 'IN FLIGHT', cell: (key) => formatUse(key.parallelismCount, key.parallelismMax) },
  { title: 'IN PERIOD', cell: (key) => formatUse(key.rateCount, key.rateMax, key.ratePeriod) },
  { title: 'PINNED', cell: formatPinned },
];

/** Such as `3 of 10 in 1m`. */
function formatUse(count: number, max: number, periodSeconds?: number): string {
  if (max === 0) return '-';
  return `${count} of ${max}${periodSeconds === undefined ? '' : ` in ${formatDuration(periodSeconds * 1000)}`}`;
}

function formatPinned({ isPinnedParallelism, isPinnedRate }: FlowControlInfo): string {
  return [isPinnedParallelism && 'parallelism', isPinnedRate && 'rate'].filter(Boolean).join(', ');
}
