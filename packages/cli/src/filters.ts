import type { LogsFilter, MessageFilter } from '@posthorn/sdk';
import type { Command } from 'commander';
import { collect, collectWhole, parsePast } from './arguments.ts';

export interface FilterOptions {
  label?: string[];
  url?: string[];
  host?: string[];
  path?: string[];
  topic?: string[];
  schedule?: string[];
  queue?: string[];
  flowKey?: string[];
  callerIp?: string[];
  since?: number;
  until?: number;
}

/** The filters of lists and of what is done to many. Several values of one are alternatives; all must match. */
export function addFilters(command: Command): Command {
  return command
    .option('--label <label>', 'with this label', collect)
    .option('--url <url>', 'to this destination, verbatim (the server goes before the command)', collectWhole)
    .option('--topic <name>', 'published to this topic', collect)
    .option('--schedule <id>', 'published by this schedule', collect)
    .option('--queue <name>', 'in this queue', collect)
    .option('--flow-key <key>', 'with this flow-control key', collect)
    .option('--caller-ip <address>', 'from this publisher', collect)
    .option('--since <time>', 'not before: a date, a time since 1970, or how long ago, such as 2h', parsePast)
    .option('--until <time>', 'not after', parsePast);
}

/** Options that only logs and messages have. */
export function addDestinationFilters(command: Command): Command {
  return command
    .option('--host <host>', 'to this host', collect)
    .option('--path <path>', 'to this path, exactly', collectWhole);
}

/** The filter of the SDK; `undefined` when nothing was said. */
export function toFilter(options: FilterOptions): (MessageFilter & LogsFilter) | undefined {
  const { label, url, host, path, topic, schedule, queue, flowKey, callerIp, since, until } = options;
  const all = {
    label,
    url,
    host,
    path,
    urlGroup: topic,
    scheduleId: schedule,
    queueName: queue,
    flowControlKey: flowKey,
    callerIp,
    fromDate: since,
    toDate: until,
  };
  const given = Object.entries(all).filter(([, value]) => value !== undefined);
  return given.length > 0 ? Object.fromEntries(given) : undefined;
}
