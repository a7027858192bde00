// How the text of each option becomes a value and back.
import { z } from 'zod';
import { parseDuration } from '../message/duration.ts';
import { FlowControlValueError, parseFlowControlValue, formatFlowControlValue } from '../message/flow-control.ts';
import { methods } from '../message/method.ts';
import { parseRedaction, formatRedaction } from '../message/redaction.ts';
import { parseRetryDelay, RetryDelayError } from '../message/retry-delay.ts';
import { DestinationError, parseUrl } from './destination.ts';

export const methodSchema = codec(
  (text) => methods.find((known) => known === text.toUpperCase()),
  (value) => value,
  `use one of ${methods.join(', ')}`,
);
export const delaySchema = codec(parseDuration, formatSeconds, 'use a duration such as 10s, 5m or 1d10h30m');
export const notBeforeSchema = codec(
  (text) => (/^\d{1,12}(\.\d+)?$/.test(text) ? Math.round(Number(text) * 1000) : undefined),
  (instant) => String(instant / 1000),
  'use a time in seconds since 1970, such as 1767225600',
);
export const retriesSchema = codec(
  // However large: above the maximum is a limit and not a mistake (contract E5).
  (text) => (/^\d+$/.test(text) ? Number(text) : undefined),
  String,
  'use a whole number, 0 or more',
);
export const retryDelaySchema = z.string().superRefine((text, context) => {
  try {
    parseRetryDelay(text);
  } catch (error) {
    if (!(error instanceof RetryDelayError)) throw error;
    context.addIssue({ code: 'custom', message: `'${shorten(text)}' is not allowed: ${error.message}` });
  }
});
export const timeoutSchema = codec(
  (text) => {
    const durationMs = parseDuration(text);
    return durationMs === 0 ? undefined : durationMs;
  },
  formatSeconds,
  'use a duration above zero such as 30s or 2m',
);
export const booleanSchema = codec(readBoolean, String, 'use true or false');
export const labelsSchema = codec(readList, (labels) => labels.join(','), 'use labels separated by commas');
/** A text of the hosted service that clients know: it stands alone, without the name of the header. */
export const colonText = "DeduplicationId cannot contain ':'";
export const deduplicationIdSchema = z
  .string()
  .refine((text) => !text.includes(':'), colonText)
  .refine((text) => !/\s/.test(text), 'DeduplicationId cannot contain blanks')
  .max(256, 'use at most 256 characters');
export const redactionSchema = codec(
  parseRedaction,
  formatRedaction,
  'use body, header and header[Name], separated by commas',
);
export const flowControlKeySchema = z.string().max(256, 'use at most 256 characters');
export const flowControlValueSchema = codec(
  parseFlowControlValue,
  formatFlowControlValue,
  'use rate=X or parallelism=Y',
);

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

/** @param what how the sentence about a wrong URL names the callback */
export function callbackUrlSchema(what: 'callback' | 'failure callback') {
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

function formatSeconds(durationMs: number): string {
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
