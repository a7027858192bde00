import type { Duration, FlowControl, HTTPMethods, MessageOptions, Redact } from '@posthorn/sdk';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { collectHeaderText, parseCount, parseHeaderText } from './arguments.ts';
import { Failure } from './failure.ts';

/** What can be said about a run of a workflow, and about a message. */
export interface RunOptionValues {
  header?: [string, string][];
  contentType?: string;
  delay?: Duration;
  retries?: number;
  retryDelay?: string;
  timeout?: Duration;
  failureCallback?: string;
  label?: string[];
  flowKey?: string;
  parallelism?: number;
  rate?: number;
  period?: Duration;
  redact?: string[];
}

/** What can be said about a message, whether it is published or scheduled. */
export interface MessageOptionValues extends RunOptionValues {
  method: HTTPMethods;
  callback?: string;
  queue?: string;
}

export function addMessageOptions(command: Command): Command {
  return addRunOptions(command)
    .addOption(
      new Option('-X, --method <method>', 'method of the delivery')
        .choices(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])
        .default('POST'),
    )
    .option('--callback <url>', 'gets the outcome of every attempt', parseHeaderText)
    .option('--queue <name>', 'deliver in the order of this queue; it is created when needed');
}

export function addRunOptions(command: Command): Command {
  return command
    .option('-H, --header <header>', "header of the delivery, such as 'X-Id: 7'; may be repeated", parseHeader)
    .option('-t, --content-type <type>', 'type of the body; `json` is short for application/json', parseHeaderText)
    .option('--delay <duration>', 'wait before the first attempt, such as 90s or 1h30m', parseDuration)
    .option('--retries <number>', 'retries after a failed first attempt (default: 3)', parseCount)
    .option('--retry-delay <expression>', "wait before a retry in ms, such as '1000 * (1 + retried)'", parseHeaderText)
    .option('--timeout <duration>', 'longest time of one attempt', parseDuration)
    .option('--failure-callback <url>', 'gets a request when the message has finally failed', parseHeaderText)
    .option('--label <label>', 'to find the message by; may be repeated', collectHeaderText)
    .option('--flow-key <key>', 'messages with the same key share the limits:', parseHeaderText)
    .option('--parallelism <number>', '  maximum number of attempts in flight', parseCount)
    .option('--rate <number>', '  maximum number of attempts that start per period', parseCount)
    .option('--period <duration>', '  length of the period (default: 1s)', parseDuration)
    .option('--redact <what>', 'show only a hash of: body, header, header[Name]; may be repeated', collectHeaderText);
}

/** The same for the SDK, without the queue: each call takes that in another parameter. */
export function toMessageOptions(options: RunOptionValues & Partial<MessageOptionValues>): MessageOptions {
  const { header = [], contentType, flowKey, parallelism, rate, period, redact, queue: _, ...same } = options;
  const headers = contentType === undefined ? header : [...header, formatContentType(contentType)];
  if (flowKey === undefined && [parallelism, rate, period].some((limit) => limit !== undefined)) {
    throw new Failure('--parallelism, --rate and --period need --flow-key.', 2);
  }
  const limits = Object.entries({ parallelism, rate, period }).filter(([, value]) => value !== undefined);
  return {
    ...same,
    ...(headers.length > 0 ? { headers } : {}),
    ...(flowKey === undefined ? {} : { flowControl: { key: flowKey, ...Object.fromEntries(limits) } as FlowControl }),
    ...(redact ? { redact: readRedact(redact) } : {}),
  };
}

function parseHeader(text: string, earlier: [string, string][] = []): [string, string][] {
  const [, name = '', value = ''] = /^([\w!#$%&'*+.^`|~-]+):\s*(.*)$/.exec(text) ?? [];
  if (!name) throw new InvalidArgumentError("Use 'Name: value'.");
  return [...earlier, [name, parseHeaderText(value)]];
}

function formatContentType(type: string): [string, string] {
  return ['Content-Type', type === 'json' ? 'application/json' : type];
}

/** The server knows what is allowed; a number alone stands for seconds. */
function parseDuration(text: string): string {
  if (!/^(\d+|(\d+(\.\d+)?[smhd])+)$/.test(text)) {
    throw new InvalidArgumentError('Use a duration such as 30s, 10m, 2h, 1d or 1h30m.');
  }
  return /^\d+$/.test(text) ? `${text}s` : text;
}

function readRedact(names: string[]): Redact {
  const headers = names.map((name) => /^header\[(.+)\]$/i.exec(name)?.[1]).filter((name) => name !== undefined);
  const unknown = names.find((name) => !/^(body|header|header\[.+\])$/i.test(name));
  if (unknown !== undefined) throw new Failure(`--redact ${unknown}: use body, header or header[Name].`, 2);
  const isEveryHeader = names.some((name) => name.toLowerCase() === 'header');
  return {
    ...(names.some((name) => name.toLowerCase() === 'body') ? { body: true } : {}),
    ...(isEveryHeader ? { header: true } : headers.length > 0 ? { header: headers } : {}),
  };
}
