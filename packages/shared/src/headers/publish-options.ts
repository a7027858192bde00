import { z } from 'zod';
import { Name } from '../contract/fields.ts';
import { readDuration } from '../message/duration.ts';
import { FlowControlValueError, readFlowControlValue, writeFlowControlValue } from '../message/flow-control.ts';
import { methods } from '../message/method.ts';
import { readRedaction, writeRedaction } from '../message/redaction.ts';
import { readRetryDelay, RetryDelayError } from '../message/retry-delay.ts';
import { DestinationError, parseUrl } from './destination.ts';
import { decodeHeaderText } from './header-text.ts';
import { prefix } from './names.ts';

const method = codec(
  (text) => methods.find((known) => known === text.toUpperCase()),
  (value) => value,
  `use one of ${methods.join(', ')}`,
);
const delay = codec(readDuration, writeSeconds, 'use a duration such as 10s, 5m or 1d10h30m');
const retries = codec(
  (text) => (/^\d{1,9}$/.test(text) ? Number(text) : undefined),
  String,
  'use a whole number, 0 or more',
);
const retryDelay = z.string().superRefine((text, context) => {
  try {
    readRetryDelay(text);
  } catch (error) {
    if (!(error instanceof RetryDelayError)) throw error;
    context.addIssue({ code: 'custom', message: `'${shorten(text)}' is not allowed: ${error.message}` });
  }
});
const timeout = codec(
  (text) => {
    const durationMs = readDuration(text);
    return durationMs === 0 ? undefined : durationMs;
  },
  writeSeconds,
  'use a duration above zero such as 30s or 2m',
);
const boolean = codec(readBoolean, String, 'use true or false');
/** A text of the hosted service that clients know: it stands alone, without the name of the header. */
const colonText = "DeduplicationId cannot contain ':'";
const flowControlKey = z.string().max(256, 'use at most 256 characters');
const flowControlValue = codec(readFlowControlValue, writeFlowControlValue, 'use rate=X or parallelism=Y');

/**
 * What a publisher can say about a message, one row per option: the header (without the common prefix), how its text
 * becomes a value and back, and what it means (contract H1).
 */
export const publishOptions = {
  method: { header: 'Method', schema: method, help: 'Method of the delivery; default POST.', example: 'PUT' },
  delayMs: { header: 'Delay', schema: delay, help: 'Delay before the first attempt.', example: '1h30m' },
  notBefore: {
    header: 'Not-Before',
    schema: codec(
      (text) => (/^\d{1,12}(\.\d+)?$/.test(text) ? Math.round(Number(text) * 1000) : undefined),
      (instant) => String(instant / 1000),
      'use a time in seconds since 1970, such as 1767225600',
    ),
    help: 'Time of the first attempt, in seconds since 1970; takes precedence over Upstash-Delay.',
    example: '1767225600',
  },
  retries: {
    header: 'Retries',
    schema: retries,
    help: 'Maximum number of retries after a failed first attempt.',
    example: '5',
  },
  retryDelay: {
    header: 'Retry-Delay',
    schema: retryDelay,
    help: 'Expression over `retried` for the wait before the next attempt, in milliseconds.',
    example: 'pow(2, retried) * 1000',
  },
  timeoutMs: { header: 'Timeout', schema: timeout, help: 'Timeout of one attempt.', example: '30s' },
  forwardAll: {
    header: 'Header-Forward',
    schema: boolean,
    help: 'Forward all headers of the publish request, not only those with the forward prefix.',
    example: 'true',
  },
  labels: {
    header: 'Label',
    schema: codec(readList, (labels) => labels.join(','), 'use labels separated by commas'),
    help: 'Labels of the message, for filters.',
    example: 'orders,eu',
  },
  deduplicationId: {
    header: 'Deduplication-Id',
    schema: z
      .string()
      .refine((text) => !text.includes(':'), colonText)
      .refine((text) => !/\s/.test(text), 'DeduplicationId cannot contain blanks')
      .max(256, 'use at most 256 characters'),
    help: 'Deduplication id: a second publish with the same id within the deduplication window creates nothing.',
    example: 'order-42',
  },
  deduplicateByContent: {
    header: 'Content-Based-Deduplication',
    schema: boolean,
    help: 'Deduplicate by the destination, the body and the forwarded headers.',
    example: 'true',
  },
  redaction: {
    header: 'Redact-Fields',
    schema: codec(readRedaction, writeRedaction, 'use body, header and header[Name], separated by commas'),
    help: 'Show the body or forwarded headers only as a hash, wherever the message can be read.',
    example: 'body,header[Authorization]',
  },
  queueName: {
    header: 'Queue-Name',
    schema: Name,
    help: 'Queue of the message.',
    example: 'orders',
  },
  flowControlKey: {
    header: 'Flow-Control-Key',
    schema: flowControlKey,
    help: 'Messages with the same key share limits; requires Upstash-Flow-Control-Value.',
    example: 'customer-42',
  },
  flowControlValue: {
    header: 'Flow-Control-Value',
    schema: flowControlValue,
    help: 'Limits of the key, such as parallelism=3, rate=10, period=1m.',
    example: 'parallelism=3, rate=10, period=1m',
  },
  cron: {
    header: 'Cron',
    // What an expression may be is known to whoever computes its times.
    schema: z.string(),
    help: 'Publish the message at these times: five fields, with an optional prefix CRON_TZ=<zone>.',
    example: '0 4 * * 1-5',
  },
  scheduleId: {
    header: 'Schedule-Id',
    schema: Name,
    help: 'Id of the schedule; a schedule with this id is replaced. Generated by default.',
    example: 'daily-report',
  },
} as const satisfies Rows;

/** What a publisher can say about the callback of a message; the header begins with `Callback` or `Failure-Callback`. */
export const callbackOptions = {
  url: {
    header: '',
    schema: callbackUrl('callback'),
    help: 'URL of the callback.',
    example: 'https://example.com/callback',
  },
  method: { header: '-Method', schema: method, help: 'Method of the callback; default POST.', example: 'PUT' },
  delayMs: { header: '-Delay', schema: delay, help: 'Delay of the callback.', example: '10s' },
  retries: {
    header: '-Retries',
    schema: retries,
    help: 'Retries of the callback; default those of the message.',
    example: '5',
  },
  retryDelay: {
    header: '-Retry-Delay',
    schema: retryDelay,
    help: 'Wait before a retry of the callback.',
    example: '1000 * (1 + retried)',
  },
  timeoutMs: {
    header: '-Timeout',
    schema: timeout,
    help: 'Timeout of one attempt of the callback.',
    example: '30s',
  },
  flowControlKey: {
    header: '-Flow-Control-Key',
    schema: flowControlKey,
    help: 'Flow-control key of the callback.',
    example: 'callbacks',
  },
  flowControlValue: {
    header: '-Flow-Control-Value',
    schema: flowControlValue,
    help: 'Limits of that key.',
    example: 'parallelism=3',
  },
} as const satisfies Rows;

/** The two kinds of callbacks, and what the names of their headers begin with (behind the common prefix). */
export const callbackHeaders = { callback: 'Callback', failureCallback: 'Failure-Callback' } as const;
export type CallbackKind = keyof typeof callbackHeaders;

type Rows = Record<string, { header: string; schema: z.ZodType; help: string; example: string }>;
type Values<R extends Rows> = { [K in keyof R]?: z.output<R[K]['schema']> };
export type CallbackOptions = Values<typeof callbackOptions>;
export type PublishOptions = Values<typeof publishOptions> & Partial<Record<CallbackKind, CallbackOptions>>;

/** One thing that is wrong with a request: the header or field, and a sentence that says what is allowed. */
export interface Fault {
  field: string;
  message: string;
}

/** Every faulty option of one request, named at once. */
export class PublishOptionsError extends Error {
  override name = 'PublishOptionsError';
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    const isWhole = ({ field, message }: Fault) => message.startsWith(field) || message === colonText;
    super(faults.map((fault) => (isWhole(fault) ? fault.message : `${fault.field}: ${fault.message}`)).join('; '));
    this.faults = faults;
  }
}

/**
 * Reads the options of one publish. The first of several headers of one name counts; an empty value is the same as
 * none; names that are no option are left alone (contract T5, T8).
 *
 * @param headers names and values in turn, the values as byte strings, as node:http gives them
 * @throws {PublishOptionsError}
 */
export function readPublishOptions(headers: readonly string[]): PublishOptions {
  const options: Record<string, unknown> = {};
  const faults: Fault[] = [];

  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] ?? '';
    // Most headers of a request are not ours; the first letter tells most of them apart without a copy.
    if (!name.startsWith('U') && !name.startsWith('u')) continue;
    const row = rowsByName.get(name.toLowerCase());
    if (!row) continue;
    // Decoded first: a byte of a letter may look like a blank.
    const text = decodeHeaderText(headers[index + 1] ?? '').trim();
    if (text === '') continue;
    const place = row.kind === undefined ? options : ((options[row.kind] ??= {}) as Record<string, unknown>);
    if (row.option in place) continue;
    const result = row.schema.safeParse(text);
    if (result.success) place[row.option] = result.data;
    else faults.push(...result.error.issues.map(({ message }) => ({ field: row.name, message })));
  }

  const read = options as PublishOptions;
  if (faults.length === 0) faults.push(...findLonely(read));
  if (faults.length > 0) throw new PublishOptionsError(faults);
  return read;
}

/** A flow-control key without a value, or the other way round (contract H16). */
function findLonely(options: PublishOptions): Fault[] {
  const faults: Fault[] = [];
  const check = (values: CallbackOptions | undefined, name: string) => {
    if (!values || (values.flowControlKey === undefined) === (values.flowControlValue === undefined)) return;
    const given = values.flowControlKey === undefined ? 'Value' : 'Key';
    const missing = given === 'Key' ? 'Value' : 'Key';
    const field = `${name}Flow-Control-${given}`;
    faults.push({ field, message: `is not allowed without ${name}Flow-Control-${missing}` });
  };
  check(options, prefix);
  check(options.callback, `${prefix}Callback-`);
  check(options.failureCallback, `${prefix}Failure-Callback-`);
  return faults;
}

/** An option under the full name of its header. */
export interface NamedRow {
  kind: CallbackKind | undefined;
  option: string;
  /** In full, as it is documented. */
  name: string;
  schema: z.ZodType;
  help: string;
  example: string;
}

/** Every header that is an option of a message, those of its callbacks included. */
export const publishHeaders: readonly NamedRow[] = [
  ...nameRows(publishOptions, undefined, ''),
  ...nameRows(callbackOptions, 'callback', callbackHeaders.callback),
  ...nameRows(
    { ...callbackOptions, url: { ...callbackOptions.url, schema: callbackUrl('failure callback') } },
    'failureCallback',
    callbackHeaders.failureCallback,
  ),
];

const rowsByName = new Map(publishHeaders.map((row) => [row.name.toLowerCase(), row]));

function nameRows(rows: Rows, kind: CallbackKind | undefined, begin: string): NamedRow[] {
  return Object.entries(rows).map(([option, { header, ...row }]) => ({
    kind,
    option,
    name: prefix + begin + header,
    ...row,
  }));
}

/** A schema between the text of a header and its value; `allowed` ends the sentence about a wrong text. */
function codec<T extends {}>(read: (text: string) => T | undefined, write: (value: T) => string, allowed: string) {
  return z.codec(z.string(), z.custom<T>(), {
    decode: (text, context) => {
      let message = `'${shorten(text)}' is not allowed: ${allowed}`;
      try {
        const value = read(text);
        if (value !== undefined) return value;
      } catch (error) {
        if (!(error instanceof FlowControlValueError)) throw error;
        message = error.message;
      }
      context.issues.push({ code: 'custom', input: text, message });
      return z.NEVER;
    },
    encode: write,
  });
}

function callbackUrl(what: 'callback' | 'failure callback') {
  return z.codec(z.string(), z.string(), {
    decode: (text, context) => {
      try {
        return parseUrl(text, what);
      } catch (error) {
        if (!(error instanceof DestinationError)) throw error;
        context.issues.push({ code: 'custom', input: text, message: error.message });
        return z.NEVER;
      }
    },
    encode: (url) => url,
  });
}

function writeSeconds(durationMs: number): string {
  return `${durationMs / 1000}s`;
}

function readBoolean(text: string): boolean | undefined {
  const lower = text.toLowerCase();
  return lower === 'true' ? true : lower === 'false' ? false : undefined;
}

function readList(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
