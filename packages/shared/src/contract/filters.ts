import { z } from 'zod';
import { formatUrl } from '../headers/destination.ts';
import { hidePassword } from '../headers/hide-password.ts';
import { prefix, tokenParameter } from '../headers/names.ts';
import { findNearest } from './nearest.ts';

/** Selects messages: several values of one field are alternatives, and all fields must match (contract P42). */
export interface MessageFilter {
  label?: string[] | undefined;
  flowControlKey?: string[] | undefined;
  /** As they are shown: without passwords. */
  url?: string[] | undefined;
  host?: string[] | undefined;
  path?: string[] | undefined;
  topicName?: string[] | undefined;
  queueName?: string[] | undefined;
  scheduleId?: string[] | undefined;
  callerIp?: string[] | undefined;
  /** Time of creation, in milliseconds, both inclusive. */
  fromDate?: number | undefined;
  toDate?: number | undefined;
}

/** A URL as it is shown, and as filters compare it. */
export const showUrl = (url: string): string => hidePassword(formatUrl(url));

/** A host with or without a port, as URLs have it: in lower case, a name in letters of other languages in its ASCII form. */
export function formatHost(text: string): string {
  const [, host = text, port = ''] = /^(.*?)(:\d+)?$/s.exec(text) ?? [];
  // A port that URLs leave out must not get lost.
  return (URL.canParse(`http://${host}/`) ? new URL(`http://${host}/`).hostname : host.toLowerCase()) + port;
}

/** Parameters that say what a response looks like, or nothing at all, and not what a call is about. */
const formFields = new Set(['order', 'maxBytes', 'source', 'groupBy', 'trimBody', 'api']);

/**
 * Whether a bulk call says which entries it means, or at least how many: by ids, a filter, a `count` or a `cursor`. Ids
 * that a program left undefined are an empty object in JSON, which must not mean all.
 */
export function saysWhich(...parts: (object | undefined)[]): boolean {
  return parts.some((part) =>
    Object.entries(part ?? {}).some(([name, value]) => value !== undefined && !formFields.has(name)),
  );
}

const given = z.string('use text').min(1, 'give a value; an empty one is not the same as none');

/** Values of one filter. Each is compared with many messages, and a text in a JSON body could hold a million. */
const maxValues = 1000;

/** One value, several by repetition, or several in one text with this separator. */
const list = (separator: string | RegExp) =>
  z
    .union([given, z.array(given)], { error: 'give a value; an empty one is not the same as none' })
    .transform((texts, context) => {
      const values: string[] = [];
      for (const text of [texts].flat()) {
        // Splits no further than to see that there are too many.
        values.push(...text.split(separator, maxValues + 1));
        if (values.length <= maxValues) continue;
        context.addIssue({ code: 'custom', message: `use at most ${maxValues} values` });
        return z.NEVER;
      }
      return values.map((text) => text.trim());
    })
    .pipe(z.array(given));

const instantText = 'use a time in milliseconds since 1970';
const instant = z
  .union([z.string(), z.number()], { error: instantText })
  .transform(String)
  .pipe(z.string().regex(/^\d{1,15}$/, instantText))
  .transform(Number);

/** The filters that every call with filters knows, as they come in a query or in a JSON body. */
export const FilterFields = {
  label: list(',').describe('A label of the message.'),
  flowControlKey: list(',').describe('Flow-control key of the message.'),
  // A comma may stand in a URL and in a path.
  url: list(/,(?=https?:\/\/)/i)
    .transform((urls) => urls.map(showUrl))
    .describe('Full URL of the message.'),
  host: list(',')
    .transform((hosts) => hosts.map(formatHost))
    .describe('Host of the URL, with or without the port.'),
  path: list(/,(?=\/)/)
    .transform((paths) => paths.map(formatUrl))
    .describe('Path of the URL.'),
  topicName: list(',').describe('URL group of the message.'),
  queueName: list(',').describe('Queue of the message.'),
  scheduleId: list(',').describe('Schedule that published the message.'),
  callerIp: list(',').describe('Address of the publisher.'),
  callerIP: list(',').meta({ description: 'Old name of `callerIp`.', deprecated: true }),
  fromDate: instant.describe('Earliest time, in milliseconds since 1970, inclusive.'),
  toDate: instant.describe('Latest time, in milliseconds since 1970, inclusive.'),
};

export const filters = {
  list: list(','),
  text: given,
  /** Values of a fixed set. */
  choice: <const T extends readonly string[]>(values: T) =>
    list(',').pipe(z.array(z.enum(values, `use one of ${values.join(', ')}`))),
  /** Statuses of responses; 0 stands for none. */
  statuses: list(',').pipe(
    z.array(
      z
        .string()
        .regex(/^\d{1,3}$/, 'use a status such as 500')
        .transform(Number),
    ),
  ),
  /** Ids in a JSON body. */
  ids: z.array(given, 'use a list of ids'),
  /** Ids of dead letters in a JSON body: a list of so many at most, or a single one (contract P33). */
  idsOrOne: ({ min = 0, max = Infinity } = {}) =>
    z
      .union([given, z.array(given)], { error: 'use a list of ids, or one id' })
      .transform((texts) => [texts].flat())
      .pipe(z.array(z.string()).min(min, `give at least ${min} id`).max(max, `use at most ${max} ids`)),

  /** A misspelled filter must never widen what is deleted. The error names it, and the filter that is most like it. */
  unknownField: (issue: { code?: string | undefined; keys?: unknown; inst?: unknown }) => {
    if (issue.code !== 'unrecognized_keys') return undefined;
    const { inst } = issue;
    return describeUnknownFilters(issue.keys as string[], inst instanceof z.ZodObject ? Object.keys(inst.shape) : []);
  },

  /** A query without the token and without the options of a message, which are no filters. */
  withoutConfiguration: (query: unknown) =>
    query && typeof query === 'object'
      ? Object.fromEntries(
          Object.entries(query).filter(([name]) => {
            const lowerName = name.toLowerCase();
            return lowerName !== tokenParameter && !lowerName.startsWith(prefix.toLowerCase());
          }),
        )
      : query,
};

/** A sentence that names unknown filters, and those that exist. */
export function describeUnknownFilters(unknown: readonly string[], known: readonly string[]): string {
  const shown = unknown.slice(0, 5).map((name) => {
    const nearest = findNearest(name, known);
    return `${name.slice(0, 60)}${nearest === undefined ? '' : ` (did you mean ${nearest}?)`}`;
  });
  return `unknown: ${shown.join(', ')}; the filters are ${known.join(', ')}`;
}
