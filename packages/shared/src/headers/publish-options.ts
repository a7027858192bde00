import { z } from 'zod';
import { readDuration } from '../message/duration.ts';
import { methods } from '../message/message.ts';
import { readRetryDelay, RetryDelayError } from '../message/retry-delay.ts';
import { prefix } from './names.ts';

/**
 * What a publisher can say about a message, one row per option: the header (without the common prefix), how its text
 * becomes a value and back, and what it means. Rules: contract, delivery.md sections 2 and 3.
 */
export const publishOptions = {
  method: {
    header: 'Method',
    schema: codec(
      (text) => methods.find((method) => method === text.toUpperCase()),
      (method) => method,
      `use one of ${methods.join(', ')}`,
    ),
    help: 'Method of the delivery; default POST.',
  },
  delayMs: {
    header: 'Delay',
    schema: codec(readDuration, writeSeconds, 'use a duration such as 10s, 5m or 1d10h30m'),
    help: 'Wait this long before the first attempt.',
  },
  notBefore: {
    header: 'Not-Before',
    schema: codec(
      (text) => (/^\d{1,12}(\.\d+)?$/.test(text) ? Math.round(Number(text) * 1000) : undefined),
      (instant) => String(instant / 1000),
      'use a time in seconds since 1970, such as 1767225600',
    ),
    help: 'No attempt before this instant, in seconds since 1970; beats Upstash-Delay.',
  },
  retries: {
    header: 'Retries',
    schema: codec(
      (text) => (/^\d{1,9}$/.test(text) ? Number(text) : undefined),
      String,
      'use a whole number, 0 or more',
    ),
    help: 'How often to try again after a failed first attempt.',
  },
  retryDelay: {
    header: 'Retry-Delay',
    schema: z.string().superRefine((text, context) => {
      try {
        readRetryDelay(text);
      } catch (error) {
        if (!(error instanceof RetryDelayError)) throw error;
        context.addIssue({ code: 'custom', message: `'${shorten(text)}' is not allowed: ${error.message}` });
      }
    }),
    help: 'Expression over `retried` for the wait before the next attempt, in milliseconds.',
  },
  timeoutMs: {
    header: 'Timeout',
    schema: codec(
      (text) => {
        const durationMs = readDuration(text);
        return durationMs === 0 ? undefined : durationMs;
      },
      writeSeconds,
      'use a duration above zero such as 30s or 2m',
    ),
    help: 'Longest time that one attempt may take.',
  },
  forwardAll: {
    header: 'Header-Forward',
    schema: codec(readBoolean, String, 'use true or false'),
    help: 'Forward every header of the publish request, not only those with the forward prefix.',
  },
  labels: {
    header: 'Label',
    schema: codec(readList, (labels) => labels.join(','), 'use labels separated by commas'),
    help: 'Labels to find the message by.',
  },
} as const satisfies Record<string, { header: string; schema: z.ZodType; help: string }>;

type Rows = typeof publishOptions;
export type PublishOptions = { [K in keyof Rows]?: z.output<Rows[K]['schema']> };

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
    super(faults.map(({ field, message }) => `${field}: ${message}`).join('; '));
    this.faults = faults;
  }
}

/**
 * Reads the options of one publish. A real header beats the query form of the same name; an empty value is the same
 * as none; names that are no option are left alone (http-api.md sections 1.1 and 2.2).
 *
 * @param rawHeaders names and values in turn, as node:http gives them
 * @param configuration the `upstash-*` query parameters, names in lower case
 * @throws {PublishOptionsError}
 */
export function readPublishOptions(
  rawHeaders: readonly string[],
  configuration: readonly (readonly [string, string])[] = [],
): PublishOptions {
  const options: Record<string, unknown> = {};
  const faults: Fault[] = [];

  const read = (lowerName: string, text: string) => {
    const row = rowsByName.get(lowerName);
    const trimmed = text.trim();
    if (!row || trimmed === '' || row.option in options) return;
    const result = row.schema.safeParse(trimmed);
    if (result.success) options[row.option] = result.data;
    else faults.push(...result.error.issues.map(({ message }) => ({ field: row.name, message })));
  };

  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    // Most headers of a request are not ours; the first letter tells most of them apart without a copy.
    if (name.startsWith('U') || name.startsWith('u')) read(name.toLowerCase(), rawHeaders[index + 1] ?? '');
  }
  for (const [name, text] of configuration) read(name, text);

  if (faults.length > 0) throw new PublishOptionsError(faults);
  return options;
}

const rowsByName = new Map(
  Object.entries(publishOptions).map(([option, { header, schema }]) => [
    (prefix + header).toLowerCase(),
    { option, name: prefix + header, schema: schema as z.ZodType },
  ]),
);

/** A schema between the text of a header and its value; `allowed` ends the sentence about a wrong text. */
function codec<T extends {}>(read: (text: string) => T | undefined, write: (value: T) => string, allowed: string) {
  return z.codec(z.string(), z.custom<T>(), {
    decode: (text, context) => {
      const value = read(text);
      if (value !== undefined) return value;
      context.issues.push({ code: 'custom', input: text, message: `'${shorten(text)}' is not allowed: ${allowed}` });
      return z.NEVER;
    },
    encode: write,
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
