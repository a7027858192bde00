import { z } from 'zod';
import { parseUrl } from '../headers/destination.ts';

/** A name that a user chooses: queue, URL group, schedule (contract T23). */
export const Name = z
  .string()
  .regex(/^[A-Za-z0-9._-]+$/, 'use letters, digits, dots, underscores and hyphens only')
  .max(256, 'use at most 256 characters');

/** The destination in the path of a publish. Routes read it from the undecoded target: see `headers/destination.ts`. */
export const DestinationParameter = z.string().meta({
  description: 'A URL with scheme and query, written as it is and not percent-encoded; or the name of a URL group.',
  example: 'https://example.com/hook?x=1',
});

/** An instant, in milliseconds since 1970. */
export const Instant = z.int();

/** The text of a whole number of 1 or more, however large it is. */
export const positiveWhole = /^0*[1-9]\d*$/;
export const positiveWholeText = 'use a whole number, 1 or more';

/** How many at most, given as text or as a number; more than `max` counts as `max` (contract P48). */
export const Count = (max: number) =>
  z
    .union([z.string(), z.number()], { error: positiveWholeText })
    .transform(String)
    .pipe(z.string().regex(positiveWhole, positiveWholeText))
    .transform((text) => Math.min(Number(text), max))
    .meta({ description: `Maximum number; a value above ${max} counts as ${max}.`, example: 10 });

/** Bytes of a page that asks for no number, and the most that one can ask for. */
export const pageBytes = 1024 * 1024;
const maxPageBytes = 16 * 1024 * 1024;

/** About how many bytes of response a page may have (contract P49). A single entry may be larger. */
export const PageBytes = z
  .union([z.string(), z.number()], { error: 'use a whole number of bytes, 1 or more' })
  .transform(String)
  .pipe(z.string().regex(positiveWhole, 'use a whole number of bytes, 1 or more'))
  .transform((text) => Math.min(Number(text), maxPageBytes))
  .meta({
    description: `Approximate number of bytes after which the page ends; ${pageBytes} by default, a value above ${maxPageBytes} counts as ${maxPageBytes}. The cursor continues after the last entry.`,
    example: pageBytes,
  });

/** Header names in canonical form, each with its values. */
export const HeaderMapField = z
  .record(z.string(), z.array(z.string()))
  .meta({ id: 'HeaderMap', description: 'Header names in canonical form, each with its values.' });

/** An absolute URL that a message can be sent to; its value is the text that is sent. */
export const DestinationUrl = z.string().transform((text, context) => {
  try {
    return parseUrl(text, 'destination');
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    context.addIssue({ code: 'custom', message: error.message });
    return z.NEVER;
  }
});

/** The reply of an endpoint whose body has no meaning. */
export const Ignored = z.unknown();
